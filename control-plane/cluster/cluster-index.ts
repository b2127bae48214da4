import type { EndpointSlice, Namespace, Pod, Service } from '../sources/kubernetes-object.ts';
import { objectKey } from '../sources/kubernetes-object.ts';
import type { ObjectSource } from '../sources/object-source.ts';
import { canonicalIp } from './canonical-ip.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

/** The objects of a source as the control plane looks them up, and who wants to know when they change. */
export class ClusterIndex {
  readonly namespaces = new Map<string, Namespace>();
  readonly services = new Map<string, Service>();
  readonly pods = new Map<string, Pod>();
  private readonly slicesByService = new Map<string, Map<string, EndpointSlice>>();
  private readonly serviceByIp = new Map<string, string>();
  private readonly podByIp = new Map<string, string>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly changed = new Set<string>();
  private readonly stops: (() => void)[];
  private notifying = false;

  constructor(source: ObjectSource) {
    this.stops = [
      source.watch('Namespace', ({ type, object }) => {
        if (type === 'deleted') this.namespaces.delete(object.metadata.name);
        else this.namespaces.set(object.metadata.name, object);
        this.touch(`namespace ${object.metadata.name}`);
      }),
      source.watch('Service', ({ type, object }) => this.onService(type === 'deleted', object)),
      source.watch('EndpointSlice', ({ type, object }) => this.onSlice(type === 'deleted', object)),
      source.watch('Pod', ({ type, object }) => this.onPod(type === 'deleted', object)),
    ];
  }

  close(): void {
    for (const stop of this.stops) stop();
  }

  /** The slices of a Service, by `namespace/name`. */
  slices(service: string): EndpointSlice[] {
    return [...(this.slicesByService.get(service)?.values() ?? [])];
  }

  serviceAt(clusterIp: string): Service | undefined {
    const key = this.serviceByIp.get(clusterIp);
    return key === undefined ? undefined : this.services.get(key);
  }

  podAt(ip: string): Pod | undefined {
    const key = this.podByIp.get(ip);
    return key === undefined ? undefined : this.pods.get(key);
  }

  /**
   * Calls `listener` once after each turn in which one of `topics` changed: `namespace x`, `service ns/name` (with its
   * slices), `pod ns/name`, `ip 10.0.0.1`. Returns what stops it.
   */
  subscribe(topics: readonly string[], listener: () => void): () => void {
    for (const topic of topics) {
      let listeners = this.listeners.get(topic);
      if (listeners === undefined) {
        listeners = new Set();
        this.listeners.set(topic, listeners);
      }
      listeners.add(listener);
    }
    return () => {
      for (const topic of topics) {
        const listeners = this.listeners.get(topic);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.listeners.delete(topic);
      }
    };
  }

  private onService(deleted: boolean, service: Service): void {
    const key = objectKey(service);
    for (const ip of clusterIps(this.services.get(key))) {
      if (this.serviceByIp.get(ip) === key) this.serviceByIp.delete(ip);
      this.touch(`ip ${ip}`);
    }
    if (deleted) this.services.delete(key);
    else {
      this.services.set(key, service);
      for (const ip of clusterIps(service)) {
        this.serviceByIp.set(ip, key);
        this.touch(`ip ${ip}`);
      }
    }
    this.touch(`service ${key}`);
  }

  private onSlice(deleted: boolean, slice: EndpointSlice): void {
    const name = slice.metadata.labels?.[serviceNameLabel];
    const sliceKey = objectKey(slice);
    for (const [service, slices] of this.slicesByService) {
      if (slices.delete(sliceKey)) this.touch(`service ${service}`);
    }
    if (deleted || name === undefined) return;
    const service = `${slice.metadata.namespace}/${name}`;
    let slices = this.slicesByService.get(service);
    if (slices === undefined) {
      slices = new Map();
      this.slicesByService.set(service, slices);
    }
    slices.set(sliceKey, slice);
    this.touch(`service ${service}`);
  }

  private onPod(deleted: boolean, pod: Pod): void {
    const key = objectKey(pod);
    const before = this.pods.get(key);
    for (const ip of podIps(before)) {
      if (this.podByIp.get(ip) === key) this.podByIp.delete(ip);
      this.touch(`ip ${ip}`);
    }
    if (deleted) this.pods.delete(key);
    else {
      this.pods.set(key, pod);
      for (const ip of podIps(pod)) {
        this.podByIp.set(ip, key);
        this.touch(`ip ${ip}`);
      }
    }
    this.touch(`pod ${key}`);
  }

  private touch(topic: string): void {
    if (!this.listeners.has(topic)) return;
    this.changed.add(topic);
    if (this.notifying) return;
    this.notifying = true;
    setImmediate(() => {
      this.notifying = false;
      const listeners = new Set<() => void>();
      for (const changed of this.changed)
        for (const listener of this.listeners.get(changed) ?? []) listeners.add(listener);
      this.changed.clear();
      for (const listener of listeners) listener();
    });
  }
}

function clusterIps(service: Service | undefined): string[] {
  const { clusterIP, clusterIPs = [] } = service?.spec ?? {};
  return [...new Set([...(clusterIP === undefined ? [] : [clusterIP]), ...clusterIPs].map(canonicalIp))].filter(
    (ip) => ip !== '' && ip !== 'None',
  );
}

/** Addresses that are the pod's own: those of its node are shared. A pod that has ended has none. */
function podIps(pod: Pod | undefined): string[] {
  if (pod === undefined || pod.spec?.hostNetwork || ['Succeeded', 'Failed'].includes(pod.status?.phase ?? ''))
    return [];
  const { podIP, podIPs = [] } = pod.status ?? {};
  return [...new Set([...(podIP === undefined ? [] : [podIP]), ...podIPs.map(({ ip }) => ip)].map(canonicalIp))];
}
