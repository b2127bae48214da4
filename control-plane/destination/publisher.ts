import type { Update } from '../../api/gen/destination_pb.js';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { type EndpointRecord, serviceEndpoints } from './endpoints.ts';
import type { Target } from './target.ts';
import { addUpdate, difference, noEndpoints } from './translate.ts';

export type ServiceTarget = Extract<Target, { kind: 'service' }>;

/** Told of the endpoints of one target: all of them first, then changes. */
export type UpdateListener = (update: Update) => void;

/**
 * The endpoints of one Service's port, computed once for all who ask for them: a change costs one computation, and each
 * client only the sending.
 */
export class Publisher {
  private readonly target: ServiceTarget;
  private readonly index: ClusterIndex;
  private readonly config: ClusterConfig;
  private readonly labels: Readonly<Record<string, string>>;
  private readonly listeners = new Set<UpdateListener>();
  private known = new Map<string, EndpointRecord>();
  private exists = false;
  private unsubscribe: () => void = () => {};

  constructor(target: ServiceTarget, index: ClusterIndex, config: ClusterConfig) {
    this.target = target;
    this.index = index;
    this.config = config;
    this.labels = { namespace: target.namespace, service: target.name };
    this.compute();
    this.resubscribe();
  }

  get subscribers(): number {
    return this.listeners.size;
  }

  /** Calls `listener` at once with what is known, and then with each change. */
  subscribe(listener: UpdateListener): void {
    this.listeners.add(listener);
    listener(this.known.size > 0 ? addUpdate(this.known.values(), this.labels) : noEndpoints(this.exists));
  }

  remove(listener: UpdateListener): void {
    this.listeners.delete(listener);
  }

  close(): void {
    this.unsubscribe();
  }

  private onChange(): void {
    const before = this.known;
    const existed = this.exists;
    this.compute();
    this.resubscribe();
    const updates = existed === this.exists ? difference(before, this.known, this.labels) : [this.reborn()];
    for (const update of updates) for (const listener of [...this.listeners]) listener(update);
  }

  private reborn(): Update {
    return this.known.size > 0 ? addUpdate(this.known.values(), this.labels) : noEndpoints(this.exists);
  }

  private compute(): void {
    const { namespace, name, port, hostname } = this.target;
    const service = this.index.services.get(`${namespace}/${name}`);
    this.exists = service !== undefined;
    this.known = service === undefined ? new Map() : serviceEndpoints(service, port, hostname, this.index, this.config);
  }

  /** Endpoints depend on the Service with its slices, its namespace, and the pods behind them. */
  private resubscribe(): void {
    this.unsubscribe();
    const { namespace, name } = this.target;
    const pods = this.index
      .slices(`${namespace}/${name}`)
      .flatMap((slice) => slice.endpoints ?? [])
      .flatMap(({ targetRef }) =>
        targetRef?.name === undefined ? [] : [`pod ${targetRef.namespace ?? namespace}/${targetRef.name}`],
      );
    const topics = [`service ${namespace}/${name}`, `namespace ${namespace}`, ...pods];
    this.unsubscribe = this.index.subscribe(topics, () => this.onChange());
  }
}
