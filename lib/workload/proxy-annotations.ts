import * as form from '../inject/values.ts';
import * as values from './option-values.ts';
import type { ProxyOptions } from './proxy-options.ts';

/** What the options say, by the name of the setting. Throws for what cannot be meant. */
export function proxySettings(proxy: ProxyOptions): Record<string, string | undefined> {
  failOnContradictions(proxy);
  const switched = (value: boolean | undefined) => values.word(value, 'true', 'false');
  const enabled = (value: boolean | undefined) => values.word(value, 'enabled', 'disabled');
  return {
    'proxy-image': values.image('image', proxy.image),
    'proxy-version': values.tag('version', proxy.version),
    'image-pull-policy': proxy.imagePullPolicy?.name,
    'inbound-port': values.formed('inboundPort', proxy.inboundPort, form.port),
    'outbound-port': values.formed('outboundPort', proxy.outboundPort, form.port),
    'admin-port': values.formed('adminPort', proxy.adminPort, form.port),
    'control-port': values.formed('controlPort', proxy.controlPort, form.port),
    'proxy-uid': values.formed('userId', proxy.userId, form.userId),
    'proxy-gid': values.formed('groupId', proxy.groupId, form.groupId),
    'proxy-cpu-request': values.millis('cpuRequestMillis', proxy.cpuRequestMillis),
    'proxy-cpu-limit': values.millis('cpuLimitMillis', proxy.cpuLimitMillis),
    'proxy-cpu-ratio-limit': values.formed('cpuRatioLimit', proxy.cpuRatioLimit, form.ratio),
    'proxy-memory-request': proxy.memoryRequest?.asString(),
    'proxy-memory-limit': proxy.memoryLimit?.asString(),
    'proxy-ephemeral-storage-request': proxy.ephemeralStorageRequest?.asString(),
    'proxy-ephemeral-storage-limit': proxy.ephemeralStorageLimit?.asString(),
    'proxy-log-level': values.formed('logLevel', proxy.logLevel, form.logFilter),
    'proxy-log-format': values.word(proxy.logJson, 'json', 'plain'),
    'proxy-log-http-headers': values.word(proxy.logHttpHeaders, 'insecure', 'off'),
    'access-log': proxy.accessLog?.name,
    'statsd-address': proxy.statsd?.address,
    'statsd-tags': proxy.statsd?.tags.name,
    'proxy-metrics-hostname-labels': switched(proxy.metricsHostnameLabels),
    'enable-external-profiles': switched(proxy.externalProfiles),
    'enable-gateway': switched(proxy.gateway),
    'tap-enabled': proxy.tap?.toString(),
    'tap-bodies': enabled(proxy.tapBodies),
    'proxy-inbound-connect-timeout': values.duration('inboundConnectTimeout', proxy.inboundConnectTimeout),
    'proxy-outbound-connect-timeout': values.duration('outboundConnectTimeout', proxy.outboundConnectTimeout),
    'proxy-inbound-discovery-cache-unused-timeout': values.duration(
      'inboundDiscoveryIdleTimeout',
      proxy.inboundDiscoveryIdleTimeout,
    ),
    'proxy-outbound-discovery-cache-unused-timeout': values.duration(
      'outboundDiscoveryIdleTimeout',
      proxy.outboundDiscoveryIdleTimeout,
    ),
    'proxy-disable-inbound-protocol-detect-timeout': switched(proxy.inboundDetectTimeoutDisabled),
    'proxy-disable-outbound-protocol-detect-timeout': switched(proxy.outboundDetectTimeoutDisabled),
    'shutdown-grace-period': values.duration('shutdownGracePeriod', proxy.shutdownGracePeriod, 0),
    'close-wait-timeout': values.seconds('closeWaitTimeout', proxy.closeWaitTimeout),
    'proxy-enable-native-sidecar': switched(proxy.nativeSidecar),
    'proxy-await': enabled(proxy.awaitProxy),
    'proxy-admin-shutdown': enabled(proxy.adminShutdown),
    'proxy-wait-before-exit-seconds': values.seconds('waitBeforeExit', proxy.waitBeforeExit),
    'proxy-additional-env': environment(proxy.environment),
    'enable-debug-sidecar': switched(proxy.debugContainer),
    'debug-image': values.image('debugImage', proxy.debugImage),
    'debug-image-version': values.tag('debugImageVersion', proxy.debugImageVersion),
    'debug-image-pull-policy': proxy.debugImagePullPolicy?.name,
  };
}

function failOnContradictions(proxy: ProxyOptions): void {
  const { inboundPort, outboundPort, adminPort, controlPort } = proxy;
  values.distinct({ inboundPort, outboundPort, adminPort, controlPort });
  values.notAbove('cpuRequestMillis', proxy.cpuRequestMillis, 'cpuLimitMillis', proxy.cpuLimitMillis);
  notAboveSize(proxy, 'memoryRequest', 'memoryLimit');
  notAboveSize(proxy, 'ephemeralStorageRequest', 'ephemeralStorageLimit');
  if (proxy.nativeSidecar === true && proxy.waitBeforeExit !== undefined) {
    throw new Error(
      `'waitBeforeExit' (${proxy.waitBeforeExit.toHumanString()}) must not be with 'nativeSidecar' (true), which ends after the ` +
        'application anyway: leave it out',
    );
  }
  if (proxy.nativeSidecar === true && proxy.awaitProxy === false) {
    throw new Error(
      "'awaitProxy' (false) must not be with 'nativeSidecar' (true), before which no application starts: leave one of them out",
    );
  }
}

type SizeOption = 'memoryRequest' | 'memoryLimit' | 'ephemeralStorageRequest' | 'ephemeralStorageLimit';

function notAboveSize(proxy: ProxyOptions, low: SizeOption, high: SizeOption): void {
  values.notAbove(low, values.kibibytes(proxy[low]), high, values.kibibytes(proxy[high]), 'Ki');
}

function environment(variables: ProxyOptions['environment'] = {}): string | undefined {
  const entries = Object.entries(variables).map(([name, value]) => ({ name, value }));
  const wrong = entries.find(({ name }) => !/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name));
  if (wrong !== undefined) {
    throw new Error(
      `'environment' has the name '${wrong.name}': it must be of letters, digits, _, - and ., and not begin with a digit`,
    );
  }
  return entries.length > 0 ? JSON.stringify(entries) : undefined;
}
