import { componentName, identityName, proxyContainerName, trustRootsConfigMap } from '../contract/names.ts';
import { formatPorts, type PortEntry } from '../contract/port-list.ts';
import type { InjectConfig, ProxySettings } from './config.ts';
import type { InjectMode } from './decision.ts';
import type { ExplicitPort } from './explicit-ports.ts';
import type { EnvVar, Metadata } from './kubernetes.ts';
import { traceEnv } from './trace-env.ts';

export interface ProxyEnvInput {
  readonly mode: InjectMode;
  readonly settings: ProxySettings;
  readonly config: InjectConfig;
  /** The application's ports, for INBOUND_PORTS. */
  readonly inboundPorts: readonly number[];
  /** With names resolved. */
  readonly opaquePorts: readonly PortEntry[];
  readonly requireIdentityPorts: readonly PortEntry[];
  /** Listeners of explicit mode; empty in the others. */
  readonly explicitPorts: readonly ExplicitPort[];
  /** Of the Deployment, or whatever else makes the pods; undefined where none is known. */
  readonly workload: string | undefined;
  /** Of the pod. */
  readonly annotations: Metadata['annotations'];
}

export const identityDir = '/var/run/linkerd/identity/end-entity';
export const tokenDir = '/var/run/secrets/tokens';
export const tokenFileName = 'tulle-identity-token';

/** With detection without deadline Linkerd waits a year. */
const unlimitedDetectTimeout = '8760h';

/**
 * The whole environment of a sidecar: linkerd2's charts/partials/templates/_proxy.tpl, in its order. Kubernetes expands
 * `$(name)` only from entries above, so the helpers stand first.
 */
export function proxyEnv(input: ProxyEnvInput): EnvVar[] {
  const { settings, config, mode } = input;
  const explicit = mode === 'explicit';
  // A listener on [::] takes IPv4 as well.
  const host = explicit ? '$(_pod_ip)' : config.ipv6 ? '[::]' : '0.0.0.0';
  const outbound = `${explicit ? '$(_pod_ip)' : '127.0.0.1'}:${settings.outboundPort}`;
  const outboundIpv6 = config.ipv6 && !explicit ? `,[::1]:${settings.outboundPort}` : '';
  const identity = (serviceAccount: string) => identityName(serviceAccount, config.meshNamespace, config);
  const meshIdentity = { meshNamespace: '$(_l5d_ns)', trustDomain: '$(_l5d_trustdomain)' };

  const entries: EnvVar[] = [
    field('_pod_name', 'metadata.name'),
    field('_pod_ns', 'metadata.namespace'),
    field('_pod_uid', 'metadata.uid'),
    field('_pod_ip', 'status.podIP'),
    field('_pod_nodeName', 'spec.nodeName'),
    { name: '_pod_containerName', value: proxyContainerName },
    field('_pod_sa', 'spec.serviceAccountName'),
    { name: '_l5d_ns', value: config.meshNamespace },
    { name: '_l5d_trustdomain', value: config.trustDomain },
    ...(explicit ? [proxyVar('EXPLICIT_MODE', 'true')] : []),
    ...(mode === 'ingress' ? [proxyVar('INGRESS_MODE', 'true')] : []),
    ...coreVars(settings),
    proxyVar('SHUTDOWN_ENDPOINT_ENABLED', `${settings.adminShutdown}`),
    proxyVar('LOG', logDirectives(settings)),
    proxyVar('LOG_FORMAT', settings.logFormat),
    ...(settings.accessLog === 'off' ? [] : [proxyVar('ACCESS_LOG', settings.accessLog)]),
    ...traceEnv(input),
    ...statsdVars(settings),
    ...(settings.shutdownGraceMs === undefined
      ? []
      : [proxyVar('SHUTDOWN_GRACE_PERIOD', `${settings.shutdownGraceMs}ms`)]),

    proxyVar('DESTINATION_SVC_ADDR', config.controlPlane.destination),
    proxyVar('DESTINATION_PROFILE_NETWORKS', config.clusterNetworks.join(',')),
    proxyVar('DESTINATION_PROFILE_SUFFIXES', settings.externalProfiles ? '.' : `svc.${config.clusterDomain}.`),
    proxyVar('DESTINATION_CONTEXT', '{"ns":"$(_pod_ns)", "nodeName":"$(_pod_nodeName)", "pod":"$(_pod_name)"}'),
    proxyVar('POLICY_SVC_ADDR', config.controlPlane.policy),
    proxyVar('POLICY_WORKLOAD', '{"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}'),
    proxyVar('POLICY_CLUSTER_NETWORKS', config.clusterNetworks.join(',')),
    proxyVar('CONTROL_STREAM_INITIAL_TIMEOUT', '3s'),
    proxyVar('CONTROL_STREAM_IDLE_TIMEOUT', '5m'),
    proxyVar('CONTROL_STREAM_LIFETIME', '1h'),

    proxyVar('CONTROL_LISTEN_ADDR', `${host}:${settings.controlPort}`),
    proxyVar('ADMIN_LISTEN_ADDR', `${host}:${settings.adminPort}`),
    proxyVar('OUTBOUND_LISTEN_ADDR', outbound),
    proxyVar('OUTBOUND_LISTEN_ADDRS', `${outbound}${outboundIpv6}`),
    proxyVar('INBOUND_LISTEN_ADDR', `${host}:${settings.inboundPort}`),
    // Without interception there is no original destination that could be anything else.
    ...(explicit ? [] : [field('LINKERD2_PROXY_INBOUND_IPS', 'status.podIPs')]),
    ...(input.explicitPorts.length === 0
      ? []
      : [
          proxyVar(
            'INBOUND_EXPLICIT_PORTS',
            input.explicitPorts.map((port) => `${port.listener}=${port.app}`).join(','),
          ),
        ]),
    proxyVar('INBOUND_PORTS', input.inboundPorts.join(',')),
    proxyVar('INBOUND_DEFAULT_POLICY', settings.inboundPolicy),
    proxyVar('INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION', formatPorts(input.opaquePorts)),
    ...(input.requireIdentityPorts.length === 0
      ? []
      : [proxyVar('INBOUND_PORTS_REQUIRE_IDENTITY', formatPorts(input.requireIdentityPorts))]),
    ...(settings.gateway ? [proxyVar('INBOUND_GATEWAY_SUFFIXES', `svc.${config.clusterDomain}.`)] : []),

    proxyVar('INBOUND_CONNECT_TIMEOUT', `${settings.inboundConnectTimeoutMs}ms`),
    proxyVar('OUTBOUND_CONNECT_TIMEOUT', `${settings.outboundConnectTimeoutMs}ms`),
    proxyVar('INBOUND_DISCOVERY_IDLE_TIMEOUT', `${settings.inboundDiscoveryIdleMs}ms`),
    proxyVar('OUTBOUND_DISCOVERY_IDLE_TIMEOUT', `${settings.outboundDiscoveryIdleMs}ms`),
    ...(settings.inboundDetectTimeout ? [] : [proxyVar('INBOUND_DETECT_TIMEOUT', unlimitedDetectTimeout)]),
    ...(settings.outboundDetectTimeout ? [] : [proxyVar('OUTBOUND_DETECT_TIMEOUT', unlimitedDetectTimeout)]),
    proxyVar('INBOUND_ACCEPT_KEEPALIVE', '10000ms'),
    proxyVar('OUTBOUND_CONNECT_KEEPALIVE', '10000ms'),
    proxyVar('INBOUND_ACCEPT_USER_TIMEOUT', '30s'),
    proxyVar('OUTBOUND_CONNECT_USER_TIMEOUT', '30s'),
    proxyVar('INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL', '10s'),
    proxyVar('INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT', '3s'),
    proxyVar('OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL', '10s'),
    proxyVar('OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT', '3s'),
    proxyVar('OUTBOUND_METRICS_HOSTNAME_LABELS', `${settings.metricsHostnameLabels}`),

    proxyVar('IDENTITY_DIR', identityDir),
    {
      name: 'LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS',
      valueFrom: { configMapKeyRef: { name: trustRootsConfigMap, key: 'ca-bundle.crt' } },
    },
    proxyVar('IDENTITY_TOKEN_FILE', `${tokenDir}/${tokenFileName}`),
    proxyVar('IDENTITY_SVC_ADDR', config.controlPlane.identity),
    proxyVar('IDENTITY_LOCAL_NAME', identityName('$(_pod_sa)', '$(_pod_ns)', meshIdentity)),
    ...(settings.tap ? [proxyVar('TAP_SVC_NAME', identity(componentName('tap')))] : []),
    ...(settings.tap && settings.tapBodies ? [proxyVar('TAP_BODIES', 'true')] : []),
    ...serviceName('IDENTITY', config.controlPlane.identity, identity('tulle-identity')),
    ...serviceName('DESTINATION', config.controlPlane.destination, identity('tulle-destination')),
    ...serviceName('POLICY', config.controlPlane.policy, identity('tulle-destination')),
  ];
  const replaced = new Set(settings.additionalEnv.map(({ name }) => name));
  return [...entries.filter(({ name }) => !replaced.has(name)), ...settings.additionalEnv];
}

/** A component beside its own proxy is dialled in plaintext: no name, so nothing to prove. */
function serviceName(component: string, address: string, name: string): EnvVar[] {
  return /^localhost\.?:/.test(address) ? [] : [proxyVar(`${component}_SVC_NAME`, name)];
}

const proxyVar = (name: string, value: string): EnvVar => ({ name: `LINKERD2_PROXY_${name}`, value });

/** With the version that the API server would add: whoever applies the manifest then owns all of the field. */
export function field(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

/** Request headers reach the log only where that was asked for. */
function logDirectives({ logLevel, logHttpHeaders }: ProxySettings): string {
  return logHttpHeaders === 'insecure' ? logLevel : `${logLevel},[{headers}]=off,[{request}]=off`;
}

function statsdVars({ statsdAddress, statsdTags }: ProxySettings): EnvVar[] {
  if (statsdAddress === undefined) return [];
  const [host, port] = statsdAddress.split(':');
  const isOfNode = host === 'node';
  return [
    ...(isOfNode ? [field('_host_ip', 'status.hostIP')] : []),
    proxyVar('STATSD_ADDR', isOfNode ? `$(_host_ip):${port}` : statsdAddress),
    proxyVar('STATSD_TAGS', statsdTags),
  ];
}

function coreVars({ cpuRequest, cpuLimit, cpuRatioLimit }: ProxySettings): EnvVar[] {
  const vars: EnvVar[] = [];
  if (cpuRequest !== undefined) vars.push(proxyVar('CORES_MIN', `${wholeCores(cpuRequest)}`));
  if (cpuLimit !== undefined) vars.push(proxyVar('CORES', `${wholeCores(cpuLimit)}`));
  if (cpuRatioLimit !== undefined) vars.push(proxyVar('CORES_MAX_RATIO', `${cpuRatioLimit}`));
  return vars;
}

/** A CPU quantity in whole cores, rounded up: a proxy that may use 1.5 cores runs on two. */
export function wholeCores(quantity: string): number {
  return Math.ceil(quantity.endsWith('m') ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity));
}
