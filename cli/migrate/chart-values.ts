import * as read from './readers.ts';

/** What becomes of a value of Linkerd's chart. */
export type Fate =
  /** It is a prop of `Mesh`. */
  | { readonly prop: string; readonly read: read.Reader }
  /** It is what this annotation says of all sidecars. */
  | { readonly setting: string }
  /** It is told, with the reason. */
  | { readonly left: string }
  /** It is seen to elsewhere in what is written. */
  | { readonly elsewhere: true };

export interface ChartValue {
  /** Texts that say what Tulle does anyway; the empty one always does. */
  readonly usual: readonly string[];
  readonly fate: Fate;
}

const prop = (name: string, reader: read.Reader, ...usual: string[]): ChartValue => ({
  ...{ usual, fate: { prop: name, read: reader } },
});
const setting = (name: string, ...usual: string[]): ChartValue => ({ usual, fate: { setting: name } });
const left = (reason: string, ...usual: string[]): ChartValue => ({ usual, fate: { left: reason } });
const elsewhere: ChartValue = { usual: [], fate: { elsewhere: true } };

const images = 'images are those of Tulle: mirror them, and name their place by `registry`';
const sizes = "it is the size of one of Linkerd's components: `components` says what those of Tulle need";
const webhooks = 'components make and renew the certificates of webhooks themselves';

/**
 * Values of `linkerd-control-plane` by their path; one that ends with a dot stands for all below it. Defaults are those of the
 * charts from 2.11 to 2.20, as far as they differ.
 */
export const chartValues: Readonly<Record<string, ChartValue>> = {
  clusterDomain: prop('clusterDomain', read.text, 'cluster.local'),
  clusterNetworks: prop(
    'clusterNetworks',
    read.networks,
    '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16',
    '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8',
  ),
  identityTrustDomain: elsewhere,
  disableIPv6: prop('ipv6', read.word('false', 'true'), 'true'),
  imagePullPolicy: prop('imagePullPolicy', read.pullPolicy, 'IfNotPresent'),
  imagePullSecrets: elsewhere,
  controllerLogLevel: prop('logLevel', read.logLevel, 'info'),
  controllerLogFormat: left('the control plane always logs JSON', 'plain', 'json'),
  priorityClassName: prop('priorityClassName', read.text),
  enablePodAntiAffinity: elsewhere,
  enablePodDisruptionBudget: elsewhere,
  controllerReplicas: elsewhere,
  webhookFailurePolicy: elsewhere,
  networkPolicy: prop('networkPolicies', read.yes, 'false'),
  'nodeSelector.': elsewhere,
  'tolerations.': elsewhere,
  'podLabels.': elsewhere,
  'podAnnotations.': elsewhere,
  'egress.globalEgressNetworkNamespace': elsewhere,

  'identity.issuer.issuanceLifetime': prop('issuanceLifetime', read.duration, '24h0m0s', '24h'),
  'identity.issuer.clockSkewAllowance': prop('clockSkewAllowance', read.duration, '20s'),
  identityTrustAnchorsPEM: elsewhere,
  'identity.externalCA': elsewhere,
  'identity.issuer.': elsewhere,
  'identity.serviceAccountTokenProjection': left('proxies always prove themselves by a projected token', 'true'),
  'identity.': left('the identity component has no such settings'),

  'proxy.opaquePorts': setting('opaque-ports', '25,587,3306,4444,5432,6379,9300,11211'),
  'proxyInit.ignoreInboundPorts': setting('skip-inbound-ports', '4567,4568'),
  'proxyInit.ignoreOutboundPorts': setting('skip-outbound-ports', '4567,4568'),
  'proxyInit.skipSubnets': setting('skip-subnets'),
  'proxyInit.closeWaitTimeoutSecs': setting('close-wait-timeout', '0'),
  'proxy.requireIdentityOnInboundPorts': setting('proxy-require-identity-inbound-ports'),
  'proxy.defaultInboundPolicy': prop('defaultInboundPolicy', read.inboundPolicy, 'all-unauthenticated'),
  'proxy.ports.admin': setting('admin-port', '4191'),
  'proxy.ports.control': setting('control-port', '4190'),
  'proxy.ports.inbound': setting('inbound-port', '4143'),
  'proxy.ports.outbound': setting('outbound-port', '4140'),
  'proxy.uid': setting('proxy-uid', '2102'),
  'proxy.gid': setting('proxy-gid', '-1'),
  'proxy.resources.cpu.request': setting('proxy-cpu-request'),
  'proxy.resources.cpu.limit': setting('proxy-cpu-limit'),
  'proxy.resources.memory.request': setting('proxy-memory-request'),
  'proxy.resources.memory.limit': setting('proxy-memory-limit'),
  'proxy.resources.ephemeral-storage.request': setting('proxy-ephemeral-storage-request'),
  'proxy.resources.ephemeral-storage.limit': setting('proxy-ephemeral-storage-limit'),
  'proxy.cores': left('a sidecar has a thread for each core of `proxy.cpuLimitMillis`', '0'),
  'proxy.logLevel': setting(
    'proxy-log-level',
    'warn,linkerd=info',
    'warn,linkerd=info,trust_dns=error',
    'warn,linkerd=info,hickory=error',
  ),
  'proxy.logFormat': setting('proxy-log-format', 'plain'),
  'proxy.logHTTPHeaders': setting('proxy-log-http-headers', 'off'),
  'proxy.accessLog': setting('access-log'),
  'proxy.enableExternalProfiles': setting('enable-external-profiles', 'false'),
  'proxy.outboundConnectTimeout': setting('proxy-outbound-connect-timeout', '1000ms'),
  'proxy.inboundConnectTimeout': setting('proxy-inbound-connect-timeout', '100ms'),
  'proxy.outboundDiscoveryCacheUnusedTimeout': setting('proxy-outbound-discovery-cache-unused-timeout', '5s'),
  'proxy.inboundDiscoveryCacheUnusedTimeout': setting('proxy-inbound-discovery-cache-unused-timeout', '90s'),
  'proxy.disableOutboundProtocolDetectTimeout': setting('proxy-disable-outbound-protocol-detect-timeout', 'false'),
  'proxy.disableInboundProtocolDetectTimeout': setting('proxy-disable-inbound-protocol-detect-timeout', 'false'),
  'proxy.shutdownGracePeriod': setting('shutdown-grace-period'),
  'proxy.waitBeforeExitSeconds': setting('proxy-wait-before-exit-seconds', '0'),
  'proxy.nativeSidecar': setting('proxy-enable-native-sidecar', 'true'),
  'proxy.await': prop('proxy.awaitProxy', read.yes, 'true'),
  'proxy.enableShutdownEndpoint': prop('proxy.adminShutdown', read.yes, 'false'),
  'proxy.metrics.hostnameLabels': setting('proxy-metrics-hostname-labels', 'false'),
  'proxy.additionalEnv.': left('give it as `proxy.environment`'),
  'proxy.experimentalEnv.': left('give it as `proxy.environment`'),
  'proxy.image.name': left(images, 'cr.l5d.io/linkerd/proxy'),
  'proxy.image.pullPolicy': setting('image-pull-policy'),
  'proxy.image.version': left(images),
  'proxy.runtime.': left('a sidecar has a thread for each core of `proxy.cpuLimitMillis`'),
  'proxy.startupProbe.': left('probes of a sidecar are fixed'),
  'proxy.livenessProbe.': left('probes of a sidecar are fixed'),
  'proxy.readinessProbe.': left('probes of a sidecar are fixed'),
  'proxy.control.': left('streams to the control plane are kept and renewed as it says'),
  'proxy.inbound.': left('connections between sidecars are kept alive by themselves'),
  'proxy.outbound.': left('connections between sidecars are kept alive by themselves'),
  'proxy.outboundTransportMode': left(
    'connections carry a transport header wherever both sides can',
    'transport-header',
  ),
  'proxy.defaultInboundPolicies.': left('say it as `defaultInboundPolicy`'),
  'proxy.tracing.': left('say it as `tracing`: Tracing.otlp(…)', 'false'),
  'proxy.capabilities.': left('a sidecar has none'),
  'proxy.saMountPath.': left('sidecars get their token by a volume of their own'),
  'proxy.podInboundPorts': left('the injector finds them'),
  'proxy.isGateway': left('`proxy.gateway` of the workload that is one', 'false'),
  'proxy.isIngress': left('Injection.ingress() of the workload that is one', 'false'),

  'debugContainer.image.name': left('name the image by `proxy.debugImage`', 'cr.l5d.io/linkerd/debug'),
  'debugContainer.': left('name the image by `proxy.debugImage`'),

  cniEnabled: left(
    'there is no CNI plugin: an init container leads connections to sidecars, or Interception.explicit() does without',
    'false',
  ),
  'networkValidator.': left('there is no CNI plugin whose work would have to be validated'),
  'proxyInit.': left('redirection is by nftables, out of the image of the sidecar'),

  controllerImage: left(images, 'cr.l5d.io/linkerd/controller'),
  controllerImageVersion: left(images),
  linkerdVersion: elsewhere,
  cliVersion: elsewhere,
  controllerUID: left('the user of the images holds', '2103'),
  controllerGID: left('the group of the images holds', '-1'),
  'policyController.': left('policy is told by the destination component'),
  'destinationController.': left('the destination component has no such settings'),
  'spValidator.': left('validation is part of the destination component'),
  'destinationResources.': left(sizes),
  'destinationProxyResources.': left(sizes),
  'identityResources.': left(sizes),
  'identityProxyResources.': left(sizes),
  'proxyInjectorResources.': left(sizes),
  'proxyInjectorProxyResources.': left(sizes),
  'spValidatorResources.': left(sizes),
  'policyControllerResources.': left(sizes),
  'heartbeatResources.': left('there is no heartbeat'),
  disableHeartBeat: left('there is no heartbeat', 'true', 'false'),
  heartbeatSchedule: left('there is no heartbeat'),
  'proxyInjector.': left(webhooks),
  'profileValidator.': left(webhooks),
  'policyValidator.': left(webhooks),
  'webhook.': left(webhooks),
  'deploymentStrategy.': left('Deployments roll as `antiAffinity` wants it'),
  'controller.': left('of the pods of a component one at a time may be evicted'),
  enableEndpointSlices: left('EndpointSlices are always read', 'true'),
  enableH2Upgrade: left('HTTP/1 between sidecars always goes over HTTP/2', 'true'),
  enablePprof: left('components have no profiler', 'false'),
  enablePSP: left('PodSecurityPolicies are gone from Kubernetes', 'false'),
  controlPlaneTracing: left('the control plane sends no traces', 'false'),
  controlPlaneTracingNamespace: left('the control plane sends no traces', 'linkerd-jaeger'),
  prometheusUrl: left('scrape the ports named admin and tulle-admin'),
  'podMonitor.': left('scrape the ports named admin and tulle-admin', 'false'),
  'nodeAffinity.': left('place the control plane by `nodeSelector` and `antiAffinity`'),
  runtimeClassName: prop('runtimeClassName', read.text),
  revisionHistoryLimit: left('Deployments keep ten revisions', '10'),
  'commonLabels.': left('give the chart these `labels`'),
  stage: left('it is of no meaning any more'),
  installNamespace: elsewhere,
};

/** What becomes of a value: by its own path, else by the nearest above it. */
export function fateOf(path: string): { readonly key: string; readonly value: ChartValue } | undefined {
  if (chartValues[path] !== undefined) return { key: path, value: chartValues[path] };
  const parts = path.split('.');
  for (let depth = parts.length - 1; depth > 0; depth--) {
    const key = `${parts.slice(0, depth).join('.')}.`;
    if (chartValues[key] !== undefined) return { key, value: chartValues[key] };
  }
  const whole = `${path}.`;
  return chartValues[whole] === undefined ? undefined : { key: whole, value: chartValues[whole] };
}
