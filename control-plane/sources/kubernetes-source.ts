import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { type Kind, kindInfo } from './kinds.ts';
import { NamedNamespace } from './named-namespace.ts';
import type { ObjectEvent, ObjectSource } from './object-source.ts';
import { ObjectStore } from './object-store.ts';
import { defaultReadTimes, type ReadTimes } from './read-times.ts';
import { Reflector } from './reflector.ts';
import { type Scope, wholeCluster } from './scope.ts';
import { SourceMetrics } from './source-metrics.ts';

export interface KubernetesSourceOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'stream' | 'close'>;
  /** Whose objects are read. Default: all. */
  readonly scope?: Scope;
  readonly log: Logger;
  readonly registry: Registry;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: () => number;
  readonly times?: Partial<ReadTimes>;
  readonly pageSize?: number;
}

/** What keeps a part of the store as the API server has it. */
interface Reading {
  /** Settles once that part has been read, or was found not to be there. */
  readonly listed: Promise<void>;
  close(): void;
}

/**
 * The objects of a Kubernetes API server. A kind is read from when it is first watched. Kinds whose definitions are not
 * installed have no objects until they are. A kind that may not be read is reported, and keeps `synced` from settling:
 * without the policies that there are, the mesh would allow what they deny.
 *
 * With a scope of namespaces nothing is asked for but what a Role in each of them can give: each kind is read in each
 * namespace by itself, so that one which is refused holds up no other. Of kinds of the whole cluster, Namespaces are read
 * by their names, and Nodes not at all.
 */
export class KubernetesSource implements ObjectSource {
  /** Settles once every kind that is watched by then has been listed, in each namespace of the scope, or is not there. */
  readonly synced: Promise<void>;
  private readonly options: KubernetesSourceOptions;
  private readonly store: ObjectStore;
  private readonly metrics: SourceMetrics;
  private readonly times: ReadTimes;
  private readonly readings = new Map<Kind, readonly Reading[]>();
  private readonly waiting = new Set<Kind>();
  private settleSynced: () => void = () => {};

  constructor(options: KubernetesSourceOptions) {
    this.options = options;
    this.times = { ...defaultReadTimes, ...options.times };
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
    if (!this.readings.has(kind)) this.read(kind);
    return stop;
  }

  close(): void {
    for (const reading of [...this.readings.values()].flat()) reading.close();
    this.options.client.close();
  }

  private read(kind: Kind): void {
    const readings = this.readingsOf(kind);
    this.readings.set(kind, readings);
    this.waiting.add(kind);
    void Promise.all(readings.map(({ listed }) => listed)).then(() => {
      this.waiting.delete(kind);
      if (this.waiting.size === 0) this.settleSynced();
    });
  }

  private readingsOf(kind: Kind): Reading[] {
    const { scope = wholeCluster } = this.options;
    if ('all' in scope) return [this.reflector(kind)];
    if (kindInfo[kind].namespaced) return scope.namespaces.map((namespace) => this.reflector(kind, namespace));
    return kind === 'Namespace' ? scope.namespaces.map((name) => this.namedNamespace(name)) : [];
  }

  private reflector(kind: Kind, namespace?: string): Reflector {
    const { client, log, now, random, pageSize } = this.options;
    const { store, metrics, times } = this;
    return new Reflector({ kind, namespace, client, store, metrics, log, now, random, times, pageSize });
  }

  private namedNamespace(name: string): NamedNamespace {
    const { client, log, random } = this.options;
    const { store, metrics, times } = this;
    return new NamedNamespace({ name, client, store, metrics, log: log.child({ namespace: name }), random, times });
  }
}
