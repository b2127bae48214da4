import * as read from './readers.ts';

/** Where a setting of sidecars goes: a prop of `MeshOptions`, and how its text is read. */
export interface SettingProp {
  readonly path: string;
  readonly read: read.Reader;
}

const at = (path: string, reader: read.Reader): SettingProp => ({ path, read: reader });

/** Annotations of Linkerd, behind `config.linkerd.io/`, that have a typed property. */
export const settingProps: Readonly<Record<string, SettingProp>> = {
  'opaque-ports': at('opaquePorts', read.ports),
  'skip-inbound-ports': at('skipInboundPorts', read.ports),
  'skip-outbound-ports': at('skipOutboundPorts', read.ports),
  'skip-subnets': at('skipSubnets', read.networks),
  'proxy-require-identity-inbound-ports': at('requireIdentityOnPorts', read.ports),
  'default-inbound-policy': at('inboundPolicy', read.inboundPolicy),
  'control-port': at('proxy.controlPort', read.count),
  'inbound-port': at('proxy.inboundPort', read.count),
  'outbound-port': at('proxy.outboundPort', read.count),
  'admin-port': at('proxy.adminPort', read.count),
  'proxy-uid': at('proxy.userId', read.count),
  'proxy-gid': at('proxy.groupId', read.count),
  'proxy-cpu-request': at('proxy.cpuRequestMillis', read.cpu),
  'proxy-cpu-limit': at('proxy.cpuLimitMillis', read.cpu),
  'proxy-cpu-ratio-limit': at('proxy.cpuRatioLimit', read.ratio),
  'proxy-memory-request': at('proxy.memoryRequest', read.bytes),
  'proxy-memory-limit': at('proxy.memoryLimit', read.bytes),
  'proxy-ephemeral-storage-request': at('proxy.ephemeralStorageRequest', read.bytes),
  'proxy-ephemeral-storage-limit': at('proxy.ephemeralStorageLimit', read.bytes),
  'proxy-log-level': at('proxy.logLevel', read.text),
  'proxy-log-format': at('proxy.logJson', read.word('json', 'plain')),
  'proxy-log-http-headers': at('proxy.logHttpHeaders', read.word('insecure', 'off')),
  'access-log': at('proxy.accessLog', read.accessLog),
  'enable-external-profiles': at('proxy.externalProfiles', read.yes),
  'enable-gateway': at('proxy.gateway', read.yes),
  'proxy-metrics-hostname-labels': at('proxy.metricsHostnameLabels', read.yes),
  'proxy-inbound-connect-timeout': at('proxy.inboundConnectTimeout', read.duration),
  'proxy-outbound-connect-timeout': at('proxy.outboundConnectTimeout', read.duration),
  'proxy-inbound-discovery-cache-unused-timeout': at('proxy.inboundDiscoveryIdleTimeout', read.duration),
  'proxy-outbound-discovery-cache-unused-timeout': at('proxy.outboundDiscoveryIdleTimeout', read.duration),
  'proxy-disable-inbound-protocol-detect-timeout': at('proxy.inboundDetectTimeoutDisabled', read.yes),
  'proxy-disable-outbound-protocol-detect-timeout': at('proxy.outboundDetectTimeoutDisabled', read.yes),
  'shutdown-grace-period': at('proxy.shutdownGracePeriod', read.duration),
  'close-wait-timeout': at('proxy.closeWaitTimeout', read.seconds),
  'proxy-enable-native-sidecar': at('proxy.nativeSidecar', read.yes),
  'proxy-await': at('proxy.awaitProxy', read.word('enabled', 'disabled')),
  'proxy-admin-shutdown': at('proxy.adminShutdown', read.word('enabled', 'disabled')),
  'proxy-wait-before-exit-seconds': at('proxy.waitBeforeExit', read.seconds),
  'proxy-additional-env': at('proxy.environment', read.environment),
  'enable-debug-sidecar': at('proxy.debugContainer', read.yes),
  'debug-image': at('proxy.debugImage', read.text),
  'debug-image-version': at('proxy.debugImageVersion', read.text),
  'debug-image-pull-policy': at('proxy.debugImagePullPolicy', read.pullPolicy),
  'image-pull-policy': at('proxy.imagePullPolicy', read.pullPolicy),
};

/** Annotations that are Linkerd's own business, and why they are left. */
export const leftSettings: Readonly<Record<string, string>> = {
  'proxy-image': "it is Linkerd's: sidecars of Tulle have an image of their own",
  'proxy-version': "it is Linkerd's: sidecars of Tulle have the version of their install",
  'init-image': 'Tulle has one image for both',
  'init-image-version': 'Tulle has one image for both',
  'pod-inbound-ports': 'the injector finds them',
  'proxy-outbound-transport-mode': 'connections carry a transport header wherever both sides can',
};

/** What pods do not take from their namespace, in Linkerd and here. */
export const notInherited: ReadonlySet<string> = new Set([
  'proxy-cpu-ratio-limit',
  'debug-image',
  'debug-image-version',
  'debug-image-pull-policy',
  'enable-gateway',
  'close-wait-timeout',
]);
