import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import {
  inboundPort,
  isExplicit,
  isMeshed,
  podIdentity,
  podLabels,
  portName,
  portsSetting,
  skipsInbound,
} from '../cluster/pod-facts.ts';
import type { EndpointSlice, Pod, Service, SliceEndpoint } from '../sources/kubernetes-object.ts';

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

const normalWeight = 10_000;

/** The ready endpoints of a Service's port, by `ip:port`; of one pod of it, when `hostname` is given. */
export function serviceEndpoints(
  service: Service,
  port: number,
  hostname: string | undefined,
  index: ClusterIndex,
  config: ClusterConfig,
): Map<string, EndpointRecord> {
  const found = new Map<string, EndpointRecord>();
  const named = service.spec?.ports?.find((candidate) => candidate.port === port);
  // A headless Service answers on the ports of its pods, declared or not (its DNS names are theirs).
  const headless = service.spec?.clusterIP === 'None';
  if (named === undefined && !headless) return found;
  const key = `${service.metadata.namespace}/${service.metadata.name}`;
  for (const slice of index.slices(key)) {
    if (slice.addressType === 'FQDN') continue;
    const target = targetPort(slice, named?.name) ?? (headless ? port : undefined);
    if (target === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      if (hostname !== undefined && endpoint.hostname !== hostname) continue;
      for (const ip of endpoint.addresses ?? []) {
        const pod = podOf(endpoint, slice, index);
        found.set(`${ip}:${target}`, record(ip, target, pod, endpoint.zone, index, config));
      }
    }
  }
  return found;
}

/** The endpoint that a pod is at one of its ports. */
export function podEndpoint(
  pod: Pod,
  ip: string,
  port: number,
  index: ClusterIndex,
  config: ClusterConfig,
): EndpointRecord {
  return record(ip, port, pod, undefined, index, config);
}

/** Whether a pod's port takes opaque bytes: by its own word, its namespace's, or the default. */
export function isOpaquePort(pod: Pod, port: number, index: ClusterIndex, config: ClusterConfig): boolean {
  const namespace = index.namespaces.get(pod.metadata.namespace ?? 'default');
  const ports = portsSetting(pod, 'opaque-ports') ?? portsSetting(namespace, 'opaque-ports') ?? config.opaquePorts;
  return ports.has(port, portName(pod, port));
}

function record(
  ip: string,
  port: number,
  pod: Pod | undefined,
  zone: string | undefined,
  index: ClusterIndex,
  config: ClusterConfig,
): EndpointRecord {
  const labels = { ...(pod === undefined ? {} : podLabels(pod)), ...(zone === undefined ? {} : { zone }) };
  const plain = {
    ip,
    port,
    weight: normalWeight,
    labels,
    identity: undefined,
    hint: undefined,
    transportPort: undefined,
  };
  if (pod === undefined || !isMeshed(pod, config) || skipsInbound(pod, port)) return plain;
  const opaque = isOpaquePort(pod, port, index, config);
  return {
    ...plain,
    identity: podIdentity(pod, config),
    hint: opaque ? 'opaque' : 'h2',
    transportPort: opaque || isExplicit(pod) ? inboundPort(pod) : undefined,
  };
}

/** A slice names its ports as the Service does; an unnamed one is the only one. */
function targetPort(slice: EndpointSlice, name: string | undefined): number | undefined {
  return slice.ports?.find((port) => (port.name ?? '') === (name ?? ''))?.port;
}

function podOf(endpoint: SliceEndpoint, slice: EndpointSlice, index: ClusterIndex): Pod | undefined {
  const { targetRef } = endpoint;
  if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) return undefined;
  return index.pods.get(`${targetRef.namespace ?? slice.metadata.namespace}/${targetRef.name}`);
}
