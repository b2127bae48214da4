import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { Kind } from './kinds.ts';
import type { ObjectEvent, ObjectSource } from './object-source.ts';
import { ObjectStore } from './object-store.ts';
import { type ReadTimes, Reflector } from './reflector.ts';
import { SourceMetrics } from './source-metrics.ts';

export interface KubernetesSourceOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'stream' | 'dropIdle' | 'close'>;
  readonly log: Logger;
  readonly registry: Registry;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: () => number;
  readonly times?: Partial<ReadTimes>;
  readonly pageSize?: number;
}

const defaultTimes: ReadTimes = {
  silenceMs: 150_000,
  watchMs: 300_000,
  backOff: { firstMs: 250, maxMs: 30_000 },
  absentRetryMs: 15_000,
  forbiddenRetryMs: 30_000,
};

/**
 * The objects of a Kubernetes API server. A kind is read from when it is first watched. Kinds whose definitions are not
 * installed have no objects until they are. A kind that may not be read is reported, and keeps `synced` from settling:
 * without the policies that there are, the mesh would allow what they deny.
 */
export class KubernetesSource implements ObjectSource {
  /** Settles once every kind that is watched by then has been listed or is not there. */
  readonly synced: Promise<void>;
  private readonly options: KubernetesSourceOptions;
  private readonly store: ObjectStore;
  private readonly metrics: SourceMetrics;
  private readonly reflectors = new Map<Kind, Reflector>();
  private readonly waiting = new Set<Kind>();
  private settleSynced: () => void = () => {};

  constructor(options: KubernetesSourceOptions) {
    this.options = options;
    this.metrics = new SourceMetrics(options.registry);
    this.store = new ObjectStore(({ kind, name, error }) => {
      this.metrics.handlerErrors.inc({ kind });
      options.log.error({ kind, object: name, error: error.stack }, 'a handler failed on a change');
    });
    this.synced = new Promise((resolve) => {
      this.settleSynced = resolve;
    });
  }

  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void {
    const stop = this.store.watch(kind, handler);
    if (!this.reflectors.has(kind)) this.read(kind);
    return stop;
  }

  close(): void {
    for (const reflector of this.reflectors.values()) reflector.close();
    this.options.client.close();
  }

  private read(kind: Kind): void {
    const { client, log, now, random, times, pageSize } = this.options;
    const { store, metrics } = this;
    const reflector = new Reflector({
      kind,
      client,
      store,
      metrics,
      log,
      now,
      random,
      times: { ...defaultTimes, ...times },
      pageSize,
    });
    this.reflectors.set(kind, reflector);
    this.waiting.add(kind);
    void reflector.listed.then(() => {
      this.waiting.delete(kind);
      if (this.waiting.size === 0) this.settleSynced();
    });
  }
}
