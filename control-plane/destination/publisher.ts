import { zoneLabel } from '../../lib/contract/names.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Server } from '../../lib/kinds/server.ts';
import type { Service } from '../../lib/kinds/service.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { Audience, type Subscriber } from './audience.ts';
import { type ServiceEndpoint, serviceEndpoints } from './endpoints.ts';
import type { Target } from './target.ts';
import { type Locality, reachable } from './topology.ts';

export type ServiceTarget = Extract<Target, { kind: 'service' }>;

/** What the endpoints of a Service depend on besides its slices and their pods. */
interface Context {
  readonly service: Service | undefined;
  readonly namespace: Namespace | undefined;
  readonly servers: readonly Server[];
}

/**
 * The endpoints of one Service's port, computed once for all who ask for them: a change costs one computation, one
 * message for each zone, and each client only the sending.
 */
export class Publisher {
  readonly target: ServiceTarget;
  private readonly index: ClusterIndex;
  private readonly config: ClusterConfig;
  private readonly onUpdate: () => void;
  private readonly audiences = new Map<string, Audience>();
  /** The nodes that clients are on: where one is decides what they are told. */
  private readonly nodes = new Map<string, { clients: number; readonly stop: () => void }>();
  private readonly stop: () => void;
  private context: Context;
  private endpoints: ReadonlyMap<string, ServiceEndpoint>;

  /** `onUpdate` is called for each change that clients are told. */
  constructor(target: ServiceTarget, index: ClusterIndex, config: ClusterConfig, onUpdate: () => void = () => {}) {
    this.target = target;
    this.index = index;
    this.config = config;
    this.onUpdate = onUpdate;
    this.context = this.currentContext();
    this.endpoints = this.compute();
    const { namespace, name } = target;
    const service = `${namespace}/${name}`;
    this.stop = index.subscribe(
      [`service ${service}`, `endpoints ${service}`, `namespace ${namespace}`, `servers ${namespace}`],
      () => this.onChange(),
    );
  }

  get subscribers(): number {
    let subscribers = 0;
    for (const audience of this.audiences.values()) subscribers += audience.subscribers.size;
    return subscribers;
  }

  get size(): number {
    return this.endpoints.size;
  }

  get exists(): boolean {
    return this.context.service !== undefined;
  }

  /** Tells a client at once what is known, and then each change. */
  subscribe(subscriber: Subscriber): void {
    const { node } = subscriber;
    if (node !== undefined) {
      const known = this.nodes.get(node);
      if (known !== undefined) known.clients++;
      else this.nodes.set(node, { clients: 1, stop: this.index.subscribe([`node ${node}`], () => this.replace(node)) });
    }
    this.audienceFor(subscriber).join(subscriber);
  }

  remove(subscriber: Subscriber): void {
    const node = subscriber.node === undefined ? undefined : this.nodes.get(subscriber.node);
    if (node !== undefined && --node.clients === 0) {
      node.stop();
      this.nodes.delete(subscriber.node as string);
    }
    for (const [key, audience] of this.audiences) {
      if (audience.subscribers.delete(subscriber) && audience.subscribers.size === 0) this.audiences.delete(key);
    }
  }

  close(): void {
    this.stop();
    for (const { stop } of this.nodes.values()) stop();
  }

  private onChange(): void {
    const wasLocal = this.localOnly;
    const before = this.context;
    this.context = this.currentContext();
    const sameContext =
      before.service === this.context.service &&
      before.namespace === this.context.namespace &&
      before.servers === this.context.servers;
    this.endpoints = this.compute(sameContext ? this.endpoints : undefined);
    if (wasLocal !== this.localOnly) {
      this.replace();
      this.onUpdate();
      return;
    }
    let told = false;
    for (const audience of [...this.audiences.values()])
      told = audience.update(this.reachableFrom(audience.from), this.exists) || told;
    if (told) this.onUpdate();
  }

  /** Moves the clients of a node, or all, to where they belong now. */
  private replace(node?: string): void {
    const clients = [...this.audiences.values()].flatMap(({ subscribers }) => [...subscribers]);
    for (const client of clients) if (node === undefined || client.node === node) this.place(client);
  }

  /** Moves a client to the audience that it belongs to now. */
  private place(subscriber: Subscriber): void {
    const before = [...this.audiences].find(([, { subscribers }]) => subscribers.has(subscriber));
    if (before === undefined) return;
    const [key, audience] = before;
    const now = this.audienceFor(subscriber);
    if (now !== audience) now.move(subscriber, audience);
    if (audience.subscribers.size === 0) this.audiences.delete(key);
  }

  private audienceFor({ node, allZones }: Subscriber): Audience {
    const zone = node === undefined ? undefined : this.index.nodes.get(node)?.metadata.labels?.[zoneLabel];
    // The node matters to few Services: the clients of a zone are told the same by all others.
    const from: Locality = { zone, node: this.localOnly ? node : undefined, allZones };
    const key = JSON.stringify([this.localOnly, zone, from.node, allZones]);
    let audience = this.audiences.get(key);
    if (audience === undefined) {
      audience = new Audience(
        from,
        { namespace: this.target.namespace, service: this.target.name },
        { endpoints: this.reachableFrom(from), exists: this.exists },
      );
      this.audiences.set(key, audience);
    }
    return audience;
  }

  private reachableFrom(from: Locality): ReadonlyMap<string, ServiceEndpoint> {
    return reachable(this.endpoints, from, this.localOnly, this.config.ipv6);
  }

  private get localOnly(): boolean {
    return this.context.service?.spec?.internalTrafficPolicy === 'Local';
  }

  private currentContext(): Context {
    const { namespace, name } = this.target;
    return {
      service: this.index.services.get(`${namespace}/${name}`),
      namespace: this.index.namespaces.get(namespace),
      servers: this.index.servers(namespace),
    };
  }

  private compute(reuse?: ReadonlyMap<string, ServiceEndpoint>): ReadonlyMap<string, ServiceEndpoint> {
    const { service } = this.context;
    const { port, hostname } = this.target;
    if (service === undefined || service.spec?.type === 'ExternalName') return new Map();
    return serviceEndpoints(service, port, hostname, this.index, this.config, reuse);
  }
}
