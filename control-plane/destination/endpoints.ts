import { isIPv6 } from 'node:net';
import { selects } from '../../lib/contract/labels.ts';
import type { EndpointSlice, SliceEndpoint } from '../../lib/kinds/endpoint-slice.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';
import { canonicalIp } from '../cluster/canonical-ip.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import {
  appPort,
  inboundPort,
  isExplicit,
  isMeshed,
  isRatherAt,
  isSidecarPort,
  podIdentity,
  podLabels,
  portName,
  portsSetting,
  skipsInbound,
} from '../cluster/pod-facts.ts';
import { isTcp, servicePort } from '../cluster/service-ports.ts';

/** An endpoint as clients are told of it. */
export interface EndpointRecord {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined for an endpoint outside the mesh. */
  readonly identity: string | undefined;
  readonly hint: 'h2' | 'opaque' | undefined;
  /** Set when clients are to send a transport header to this port. */
  readonly transportPort: number | undefined;
}

/** An endpoint of a Service, with what decides which clients are told of it. */
export interface ServiceEndpoint {
  readonly record: EndpointRecord;
  readonly zone: string | undefined;
  readonly node: string | undefined;
  /** Zones whose clients are to use it; empty when its slice gives no hint. */
  readonly forZones: readonly string[];
  readonly ipv6: boolean;
  /** `namespace/name` of its pod. */
  readonly podKey: string | undefined;
  /** What it was made from: as long as these are the same, so is the endpoint. */
  readonly from: { readonly endpoint: SliceEndpoint; readonly pod: Pod | undefined };
}

const normalWeight = 10_000;

/**
 * The ready endpoints of a Service's port, by the `ip:port` that clients are told, since that is all that a client knows
 * them by: what a slice says may change without it. Of one pod of the Service, when `hostname` is given. Endpoints of
 * `reuse` whose objects are the same are not made again.
 */
export function serviceEndpoints(
  service: Service,
  port: number,
  hostname: string | undefined,
  index: ClusterIndex,
  config: ClusterConfig,
  reuse: ReadonlyMap<string, ServiceEndpoint> = new Map(),
): Map<string, ServiceEndpoint> {
  const found = new Map<string, ServiceEndpoint>();
  const named = servicePort(service, port);
  // A headless Service answers on the ports of its pods, declared or not (its DNS names are theirs).
  const headless = service.spec?.clusterIP === 'None';
  if (named === undefined && !headless) return found;
  for (const slice of index.slices(`${service.metadata.namespace}/${service.metadata.name}`)) {
    if (slice.addressType === 'FQDN') continue;
    const target = named === undefined ? port : targetPort(slice, named.name);
    if (target === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      if (hostname !== undefined && endpoint.hostname !== hostname) continue;
      const podKey = podKeyOf(endpoint, slice);
      const pod = podKey === undefined ? undefined : index.pods.get(podKey);
      // Until its pod is known nobody can say whether an endpoint is meshed.
      if (endpoint.targetRef !== undefined && pod === undefined) continue;
      for (const address of endpoint.addresses ?? []) {
        const ip = canonicalIp(address);
        const told = pod === undefined ? target : appPort(pod, target);
        const key = `${ip}:${told}`;
        // An address is given to a new pod before the slices have let go of the old one.
        const rival = found.get(key)?.from.pod;
        if (rival !== undefined && (pod === undefined || !isRatherAt(pod, rival))) continue;
        const known = reuse.get(key);
        if (known !== undefined && known.from.endpoint === endpoint && known.from.pod === pod) found.set(key, known);
        else found.set(key, serviceEndpoint(ip, told, endpoint, pod, podKey, index, config));
      }
    }
  }
  return found;
}

/** How many endpoints a Service's port has, ready or not: those that are about to end are none of them any more. */
export function endpointCount(service: Service, port: number, index: ClusterIndex): number {
  const named = servicePort(service, port);
  if (named === undefined && service.spec?.clusterIP !== 'None') return 0;
  const addresses = new Set<string>();
  for (const slice of index.slices(`${service.metadata.namespace}/${service.metadata.name}`)) {
    if (slice.addressType === 'FQDN' || (named !== undefined && targetPort(slice, named.name) === undefined)) continue;
    for (const { addresses: own, conditions } of slice.endpoints ?? []) {
      if (conditions?.terminating === true) continue;
      for (const address of own ?? []) addresses.add(canonicalIp(address));
    }
  }
  return addresses.size;
}

function serviceEndpoint(
  ip: string,
  port: number,
  endpoint: SliceEndpoint,
  pod: Pod | undefined,
  podKey: string | undefined,
  index: ClusterIndex,
  config: ClusterConfig,
): ServiceEndpoint {
  return {
    record: pod === undefined ? bareEndpoint(ip, port) : endpointAt(pod, ip, port, index, config, endpoint.zone),
    zone: pod === undefined ? undefined : endpoint.zone,
    node: pod?.spec?.nodeName ?? endpoint.nodeName,
    forZones: endpoint.hints?.forZones?.map(({ name }) => name) ?? [],
    ipv6: isIPv6(ip),
    podKey,
    from: { endpoint, pod },
  };
}

/** An address of which nothing more is known. */
export function bareEndpoint(ip: string, port: number): EndpointRecord {
  return {
    ip,
    port,
    weight: normalWeight,
    labels: {},
    identity: undefined,
    hint: undefined,
    transportPort: undefined,
  };
}

/**
 * The endpoint that a pod is at one of its ports. Services lead to a listener of the sidecar in explicit mode; clients of
 * the mesh name the port behind it.
 */
export function podEndpoint(
  pod: Pod,
  ip: string,
  listed: number,
  index: ClusterIndex,
  config: ClusterConfig,
): EndpointRecord {
  return endpointAt(pod, ip, appPort(pod, listed), index, config);
}

/** At a port of the application, or of the sidecar itself. */
function endpointAt(
  pod: Pod,
  ip: string,
  port: number,
  index: ClusterIndex,
  config: ClusterConfig,
  zone = '',
): EndpointRecord {
  const plain = { ...bareEndpoint(ip, port), labels: { ...podLabels(pod), zone } };
  if (!isMeshed(pod, config) || skipsInbound(pod, port)) return plain;
  const opaque = isOpaquePort(pod, port, index, config) || isOpaqueByServer(pod, port, index);
  const transport = (opaque || isExplicit(pod)) && !isSidecarPort(pod, port);
  return {
    ...plain,
    identity: podIdentity(pod, config),
    hint: opaque ? 'opaque' : 'h2',
    transportPort: transport ? inboundPort(pod) : undefined,
  };
}

/**
 * The endpoint that a pod is at a port of its node. Only `containerPort` means something to its sidecar, which is not to
 * be reached at its own port there: no transport header, and nothing meshed when the sidecar intercepts nothing.
 */
export function hostPortEndpoint(
  pod: Pod,
  address: { readonly ip: string; readonly port: number },
  containerPort: number,
  index: ClusterIndex,
  config: ClusterConfig,
): EndpointRecord {
  const inside = podEndpoint(pod, address.ip, containerPort, index, config);
  const meshed = isExplicit(pod) ? { identity: undefined, hint: undefined } : {};
  return { ...inside, ...meshed, ...address, transportPort: undefined };
}

/** Whether a pod's port takes opaque bytes: by its own word, its namespace's, or the default. */
export function isOpaquePort(pod: Pod, port: number, index: ClusterIndex, config: ClusterConfig): boolean {
  const namespace = index.namespaces.get(pod.metadata.namespace ?? 'default');
  const ports = portsSetting(pod, 'opaque-ports') ?? portsSetting(namespace, 'opaque-ports') ?? config.opaquePorts;
  return ports.has(port, portName(pod, port));
}

/** Whether a Server of its namespace says that a pod's port takes opaque bytes. */
export function isOpaqueByServer(pod: Pod, port: number, index: ClusterIndex): boolean {
  return index.servers(pod.metadata.namespace ?? 'default').some(({ spec }) => {
    // A folder of manifests may hold a Server without any: one that is wrong must not cost its namespace the endpoints.
    if (spec?.proxyProtocol !== 'opaque' || spec.podSelector == null) return false;
    if (spec.port !== port && spec.port !== portName(pod, port)) return false;
    return selects(spec.podSelector, pod.metadata.labels);
  });
}

/** The pod of a Service that has a DNS name of its own in it, and its address. */
export function podByHostname(
  service: string,
  hostname: string,
  index: ClusterIndex,
  config: ClusterConfig,
): { pod: Pod; ip: string } | undefined {
  const found: { pod: Pod; ip: string }[] = [];
  for (const slice of index.slices(service)) {
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.hostname !== hostname || endpoint.conditions?.ready === false) continue;
      const pod = index.pods.get(podKeyOf(endpoint, slice) ?? '');
      for (const address of pod === undefined ? [] : (endpoint.addresses ?? []))
        found.push({ pod: pod!, ip: canonicalIp(address) });
    }
  }
  return found.find(({ ip }) => isIPv6(ip) === config.ipv6) ?? found[0];
}

/** A slice names its ports as the Service does; an unnamed one is the only one. */
function targetPort(slice: EndpointSlice, name: string | undefined): number | undefined {
  return slice.ports?.find((port) => (port.name ?? '') === (name ?? '') && isTcp(port))?.port;
}

function podKeyOf({ targetRef }: SliceEndpoint, slice: EndpointSlice): string | undefined {
  return targetRef?.kind === 'Pod' && targetRef.name !== undefined
    ? `${targetRef.namespace ?? slice.metadata.namespace}/${targetRef.name}`
    : undefined;
}
