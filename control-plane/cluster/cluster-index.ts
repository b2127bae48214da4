import { isDeepStrictEqual } from 'node:util';
import type { EndpointSlice } from '../../lib/kinds/endpoint-slice.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Node } from '../../lib/kinds/node.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Server } from '../../lib/kinds/server.ts';
import type { Service } from '../../lib/kinds/service.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { objectKey } from '../sources/object-key.ts';
import type { ObjectSource } from '../sources/object-source.ts';
import { canonicalIp } from './canonical-ip.ts';
import { Claims } from './claims.ts';
import { isRatherAt } from './pod-facts.ts';
import { isTcp } from './service-ports.ts';
import { SliceIndex } from './slice-index.ts';
import { Topics } from './topics.ts';

/** The objects of a source as the control plane looks them up, and who wants to know when they change. */
export class ClusterIndex {
  readonly namespaces = new Map<string, Namespace>();
  readonly nodes = new Map<string, Node>();
  readonly services = new Map<string, Service>();
  readonly pods = new Map<string, Pod>();
  readonly profiles = new Map<string, ServiceProfile>();
  private readonly slicesOf = new SliceIndex();
  private readonly serversByNamespace = new Map<string, readonly Server[]>();
  private readonly serviceIps = new Claims();
  private readonly podIps = new Claims();
  private readonly hostPorts = new Claims();
  readonly topics: Topics;
  private readonly stops: (() => void)[];

  constructor(source: ObjectSource, topics = new Topics()) {
    this.topics = topics;
    this.stops = [
      source.watch('Namespace', ({ type, object }) => {
        const { name, annotations } = object.metadata;
        const before = this.namespaces.get(name)?.metadata.annotations;
        update(this.namespaces, type === 'deleted', name, object);
        // Its labels are nothing to anybody here, and other controllers write them often.
        const same = type === 'modified' && isDeepStrictEqual(before, annotations);
        if (!same) this.topics.touch(`namespace ${name}`);
      }),
      source.watch('Node', ({ type, object }) => {
        update(this.nodes, type === 'deleted', object.metadata.name, object);
        this.topics.touch(`node ${object.metadata.name}`);
      }),
      source.watch('ServiceProfile', ({ type, object }) => {
        update(this.profiles, type === 'deleted', objectKey(object), object);
        this.topics.touch(`profile ${objectKey(object)}`);
      }),
      source.watch('Server', ({ type, object }) => this.onServer(type === 'deleted', object)),
      source.watch('Service', ({ type, object }) => this.onService(type === 'deleted', object)),
      source.watch('Pod', ({ type, object }) => this.onPod(type === 'deleted', object)),
      source.watch('EndpointSlice', ({ type, object }) => {
        const changed = type === 'deleted' ? this.slicesOf.delete(object) : this.slicesOf.set(object);
        for (const service of changed) this.topics.touch(`endpoints ${service}`);
      }),
    ];
  }

  close(): void {
    for (const stop of this.stops) stop();
  }

  /** The slices of a Service, by `namespace/name`. */
  slices(service: string): Iterable<EndpointSlice> {
    return this.slicesOf.of(service);
  }

  /** The Servers of a namespace; another array when one of them has changed. */
  servers(namespace: string): readonly Server[] {
    return this.serversByNamespace.get(namespace) ?? none;
  }

  serviceAt(clusterIp: string): Service | undefined {
    const key = this.serviceIps.ownersOf(clusterIp).at(-1);
    return key === undefined ? undefined : this.services.get(key);
  }

  /** The pod that has an IP of the pod network; of several that say so the ready one, then the newest. */
  podAt(ip: string): Pod | undefined {
    return this.likeliest(this.podIps.ownersOf(ip));
  }

  /** The pod that takes connections to a port of a node, and the port of its container. */
  podAtHostPort(ip: string, port: number): { pod: Pod; containerPort: number } | undefined {
    const pod = this.likeliest(this.hostPorts.ownersOf(hostPortKey(ip, port)));
    const found = pod && hostPortsOf(pod).find(({ hostPort }) => hostPort === port);
    return pod && found && { pod, containerPort: found.containerPort };
  }

  /**
   * Calls `listener` once after each turn in which one of `topics` changed: `namespace x` (its annotations), `node x`, `pod ns/name`,
   * `service ns/name`, `endpoints ns/name` (the Service's slices and the pods they name), `profile ns/name`,
   * `servers ns`, `ip 10.0.0.1` (what Service or pod has it, or takes connections to ports of it). Returns what stops it.
   */
  subscribe(topics: readonly string[], listener: () => void): () => void {
    return this.topics.subscribe(topics, listener);
  }

  private likeliest(keys: readonly string[]): Pod | undefined {
    let best: Pod | undefined;
    for (const key of keys) {
      const pod = this.pods.get(key);
      if (pod !== undefined && (best === undefined || isRatherAt(pod, best))) best = pod;
    }
    return best;
  }

  private onServer(deleted: boolean, server: Server): void {
    const { namespace = 'default', name } = server.metadata;
    const others = this.servers(namespace).filter(({ metadata }) => metadata.name !== name);
    const servers = deleted ? others : [...others, server];
    if (servers.length === 0) this.serversByNamespace.delete(namespace);
    else this.serversByNamespace.set(namespace, servers);
    this.topics.touch(`servers ${namespace}`);
  }

  private onService(deleted: boolean, service: Service): void {
    const key = objectKey(service);
    update(this.services, deleted, key, service);
    for (const ip of this.serviceIps.set(key, deleted ? [] : clusterIps(service))) this.topics.touch(`ip ${ip}`);
    this.topics.touch(`service ${key}`);
  }

  private onPod(deleted: boolean, pod: Pod): void {
    const key = objectKey(pod);
    update(this.pods, deleted, key, pod);
    const hasAddress = !deleted && !hasEnded(pod);
    for (const ip of this.podIps.set(key, hasAddress ? podIps(pod) : [])) this.topics.touch(`ip ${ip}`);
    for (const claim of this.hostPorts.set(key, hasAddress ? hostPortKeys(pod) : []))
      this.topics.touch(`ip ${claim.slice(0, claim.lastIndexOf(' '))}`);
    this.topics.touch(`pod ${key}`);
    for (const service of this.slicesOf.servicesOf(key)) this.topics.touch(`endpoints ${service}`);
  }
}

const none: readonly Server[] = [];

function update<Value>(values: Map<string, Value>, deleted: boolean, key: string, value: Value): void {
  if (deleted) values.delete(key);
  else values.set(key, value);
}

function clusterIps(service: Service): string[] {
  const { clusterIP, clusterIPs = [] } = service.spec ?? {};
  return allIps(clusterIP, clusterIPs).filter((ip) => ip !== '' && ip !== 'None');
}

/** Addresses that are the pod's own: those of its node are shared. */
function podIps(pod: Pod): string[] {
  const { podIP, podIPs = [] } = pod.status ?? {};
  return pod.spec?.hostNetwork
    ? []
    : allIps(
        podIP,
        podIPs.map(({ ip }) => ip),
      );
}

function hasEnded(pod: Pod): boolean {
  return ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '');
}

function hostPortKeys(pod: Pod): string[] {
  const { hostIP, hostIPs = [] } = pod.status ?? {};
  const ips = allIps(
    hostIP,
    hostIPs.map(({ ip }) => ip),
  );
  return hostPortsOf(pod).flatMap(({ hostPort }) => ips.map((ip) => hostPortKey(ip, hostPort)));
}

const hostPortKey = (ip: string, port: number): string => `${ip} ${port}`;

/** On the host's network each port is the node's; the API server says so, manifests need not. */
function hostPortsOf(pod: Pod): { hostPort: number; containerPort: number }[] {
  return (pod.spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .filter(isTcp)
    .map(({ hostPort, containerPort }) => ({
      hostPort: hostPort || (pod.spec?.hostNetwork ? containerPort : 0),
      containerPort,
    }))
    .filter(({ hostPort }) => hostPort !== 0);
}

function allIps(first: string | undefined, all: readonly string[]): string[] {
  return [...new Set([...(first === undefined ? [] : [first]), ...all].map(canonicalIp))];
}
