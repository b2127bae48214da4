import type { InboundPolicyName } from '../contract/inbound-policies.ts';
import { controlPlaneServices, proxyContainerName } from '../contract/names.ts';
import { type PortEntry, parsePorts } from '../contract/port-list.ts';
import { defaultOpaquePorts, meshPorts, proxyPorts } from '../contract/ports.ts';
import type { TraceProtocol } from '../contract/trace-collector.ts';
import { meshVersion } from '../contract/version.ts';
import type { EnvVar } from './kubernetes.ts';

/** Everything of a sidecar that an annotation can change. Mesh-wide values stand in `InjectConfig.defaults`. */
export interface ProxySettings {
  /** Without the tag. */
  readonly image: string;
  readonly version: string;
  readonly imagePullPolicy: ImagePullPolicy;
  readonly controlPort: number;
  readonly inboundPort: number;
  readonly outboundPort: number;
  readonly adminPort: number;
  readonly skipInboundPorts: readonly PortEntry[];
  readonly skipOutboundPorts: readonly PortEntry[];
  readonly skipSubnets: readonly string[];
  readonly opaquePorts: readonly PortEntry[];
  readonly requireIdentityPorts: readonly PortEntry[];
  /** Kubernetes quantities, such as `100m` and `96Mi`. */
  readonly cpuRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
  readonly ephemeralStorageRequest?: string;
  readonly ephemeralStorageLimit?: string;
  /** Share of the node's cores that the proxy may use, between 0 and 1. */
  readonly cpuRatioLimit?: number;
  readonly uid: number;
  /** Not set when negative. */
  readonly gid: number;
  readonly logLevel: string;
  readonly logFormat: 'plain' | 'json';
  readonly logHttpHeaders: 'off' | 'insecure';
  readonly accessLog: 'off' | 'apache' | 'json';
  /** `host:port` that spans are sent to, or `off`. */
  readonly traceCollector?: string;
  /** Default: OTLP over gRPC. */
  readonly traceProtocol?: TraceProtocol;
  /** Of a meshed collector, in the namespace that its address names. */
  readonly traceServiceAccount?: string;
  /** From 0 to 1. */
  readonly traceSampleRate?: number;
  readonly traceServiceName?: string;
  /** `host:port`, `node:port` or `unix:/path`; none: metrics are not sent. */
  readonly statsdAddress?: string;
  readonly statsdTags: 'dogstatsd' | 'librato' | 'none';
  readonly externalProfiles: boolean;
  readonly metricsHostnameLabels: boolean;
  /** Whether the mesh's tap component may look at the requests that pass the sidecar. */
  readonly tap: boolean;
  /** Whether it may see the first bytes of their bodies, too. */
  readonly tapBodies: boolean;
  readonly gateway: boolean;
  readonly inboundConnectTimeoutMs: number;
  readonly outboundConnectTimeoutMs: number;
  readonly inboundDiscoveryIdleMs: number;
  readonly outboundDiscoveryIdleMs: number;
  readonly inboundDetectTimeout: boolean;
  readonly outboundDetectTimeout: boolean;
  readonly closeWaitTimeoutSeconds: number;
  readonly nativeSidecar: boolean;
  /** Holds the application's start until the proxy is ready; of meaning only without native sidecars. */
  readonly await: boolean;
  readonly adminShutdown: boolean;
  readonly inboundPolicy: InboundPolicyName;
  readonly shutdownGraceMs?: number;
  readonly waitBeforeExitSeconds: number;
  /** Added to the proxy's environment last; an entry wins over the mesh's of the same name. */
  readonly additionalEnv: readonly EnvVar[];
  /** A container with network tools beside the proxy. There is no default image: `debugImage` says which. */
  readonly debug: boolean;
  readonly debugImage?: string;
  readonly debugImageVersion?: string;
  readonly debugImagePullPolicy?: ImagePullPolicy;
}

export const imagePullPolicies = ['Always', 'IfNotPresent', 'Never'] as const;
export type ImagePullPolicy = (typeof imagePullPolicies)[number];

/** What injection needs to know of the mesh. Two callers with equal configs make equal pods. */
export interface InjectConfig {
  readonly meshNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** Networks that destinations are looked up for, as CIDRs. */
  readonly clusterNetworks: readonly string[];
  /** Whether IPv6 connections are led to the proxies too, and endpoints told by their IPv6 addresses. Default false. */
  readonly ipv6?: boolean;
  /** Release of the Gateway API that the cluster has. Default: the newest that is known here. */
  readonly gatewayApiVersion?: string;
  /** With `explicit`, pods that ask for a sidecar, and not for which, get one without interception. Default: an init container. */
  readonly interception?: 'explicit';
  /**
   * Sidecars are Linkerd's proxy, whose image `defaults` name; this is the mesh's own, for what that cannot do: init containers
   * and explicit mode. Default: all are the mesh's own.
   */
  readonly linkerd2?: { readonly image: string; readonly version: string };
  /** With `linkerd`, the annotation `linkerd.io/inject` is obeyed too. */
  readonly compat: 'none' | 'linkerd';
  /** Where proxies find the control plane; a control-plane pod reaches its own component over localhost. */
  readonly controlPlane: ControlPlaneAddresses;
  readonly defaults: ProxySettings;
}

export interface ControlPlaneAddresses {
  /** `host:port`; the host ends with a dot so that search domains are not tried. */
  readonly identity: string;
  readonly destination: string;
  readonly policy: string;
}

export interface InjectConfigOptions extends Partial<Omit<InjectConfig, 'defaults' | 'controlPlane'>> {
  readonly controlPlane?: Partial<ControlPlaneAddresses>;
  readonly defaults?: Partial<ProxySettings>;
}

export const defaultClusterNetworks = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fd00::/8',
] as const;

export const defaultProxySettings: ProxySettings = {
  image: proxyContainerName,
  version: meshVersion,
  imagePullPolicy: 'IfNotPresent',
  controlPort: proxyPorts.control,
  inboundPort: proxyPorts.inbound,
  outboundPort: proxyPorts.outbound,
  adminPort: proxyPorts.admin,
  skipInboundPorts: ports('4567,4568'),
  skipOutboundPorts: ports('4567,4568'),
  skipSubnets: [],
  opaquePorts: ports(defaultOpaquePorts),
  requireIdentityPorts: [],
  // Every container needs a request, or an autoscaler on the CPU of the pods cannot tell their use.
  cpuRequest: '10m',
  memoryRequest: '20Mi',
  uid: 2102,
  gid: -1,
  logLevel: 'warn,linkerd=info,hickory=error',
  logFormat: 'plain',
  logHttpHeaders: 'off',
  accessLog: 'off',
  statsdTags: 'dogstatsd',
  externalProfiles: false,
  metricsHostnameLabels: false,
  tap: true,
  tapBodies: false,
  gateway: false,
  inboundConnectTimeoutMs: 100,
  outboundConnectTimeoutMs: 1000,
  inboundDiscoveryIdleMs: 90_000,
  outboundDiscoveryIdleMs: 5000,
  inboundDetectTimeout: true,
  outboundDetectTimeout: true,
  closeWaitTimeoutSeconds: 0,
  nativeSidecar: true,
  await: true,
  adminShutdown: false,
  inboundPolicy: 'all-unauthenticated',
  waitBeforeExitSeconds: 0,
  additionalEnv: [],
  debug: false,
};

/** The configuration of a mesh installed with its defaults, with what differs in yours. */
export function injectConfig(options: InjectConfigOptions = {}): InjectConfig {
  const { defaults, controlPlane, ...mesh } = options;
  const meshNamespace = mesh.meshNamespace ?? 'tulle';
  const clusterDomain = mesh.clusterDomain ?? 'cluster.local';
  const service = (name: string, port: number) => `${name}.${meshNamespace}.svc.${clusterDomain}.:${port}`;
  return {
    trustDomain: 'cluster.local',
    clusterNetworks: defaultClusterNetworks,
    compat: 'none',
    ...mesh,
    meshNamespace,
    clusterDomain,
    controlPlane: {
      identity: service(controlPlaneServices.identity, meshPorts.identity),
      destination: service(controlPlaneServices.destination, meshPorts.destination),
      policy: service(controlPlaneServices.policy, meshPorts.policy),
      ...controlPlane,
    },
    defaults: { ...defaultProxySettings, ...defaults },
  };
}

function ports(text: string): PortEntry[] {
  const entries = parsePorts(text, 'numbers');
  if (!entries) throw new Error(`'${text}' must be a list of ports such as 25,4000-4100`);
  return entries;
}
