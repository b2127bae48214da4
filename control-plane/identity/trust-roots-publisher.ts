import type { V1ListMeta } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import { systemNamespaces } from '../../lib/contract/names.ts';
import { ApiError, isConflict, isNotFound, type KubernetesApi } from '../kubernetes/api.ts';
import type { InJson } from '../kubernetes/in-json.ts';
import type { ObjectSource } from '../sources/object-source.ts';
import { type Scope, wholeCluster } from '../sources/scope.ts';
import { bundleKey, type ConfigMap } from './trust-roots.ts';

export interface PublisherOptions {
  readonly api: KubernetesApi;
  readonly namespaces: Pick<ObjectSource, 'watch'>;
  /** Where `namespaces` are from: with some of them only, what is published is listed in each by itself. Default: all. */
  readonly scope?: Scope;
  /** The ConfigMap's name in every namespace. */
  readonly name: string;
  /** Where the bundle comes from; it is not published there. */
  readonly meshNamespace: string;
  readonly log: Logger;
  readonly registry: Registry;
  /** Writes under way at a time; 8 by default. */
  readonly concurrency?: number;
  /** How often all ConfigMaps are compared, which is how soon one that somebody changed is mended; 30 s by default. */
  readonly sweepMs?: number;
  /** How long after a failed write it is tried again, at first; doubled up to `sweepMs`. 500 ms by default. */
  readonly retryMs?: number;
}

interface ConfigMapList {
  readonly metadata: InJson<V1ListMeta>;
  readonly items: readonly ConfigMap[];
}

const pageSize = 500;
const maxTold = 1000;

/**
 * Keeps the trust anchors in every namespace that may hold meshed pods, as a ConfigMap that sidecars take their
 * environment from: a pod can refer to ConfigMaps of its own namespace only. A new namespace has it before its first pod
 * is on a node; without it the kubelet keeps the pod waiting (CreateContainerConfigError) and tries again.
 *
 * One replica publishes at a time; that two do for a moment does no harm. Of two meshes in a cluster, each namespace has
 * the anchors of the one that was first there: the other leaves a ConfigMap alone that is labelled with another mesh.
 */
export class TrustRootsPublisher {
  private readonly options: PublisherOptions;
  private readonly results: Counter<'result'>;
  private readonly namespaces = new Set<string>();
  /** Namespaces that are to be written, and whether over what somebody else wrote there. */
  private readonly pending = new Map<string, boolean>();
  private readonly writing = new Set<string>();
  private readonly failed = new Set<string>();
  private readonly published = new Set<string>();
  private readonly stopWatching: () => void;
  private readonly sweepTimer: NodeJS.Timeout;
  private retryTimer: NodeJS.Timeout | undefined = undefined;
  private retryMs: number;
  private bundle: string | undefined = undefined;
  private active = false;
  private working = 0;
  private readonly told = new Set<string>();

  constructor(options: PublisherOptions) {
    this.options = options;
    this.retryMs = options.retryMs ?? 500;
    this.results = new Counter({
      name: 'identity_trust_roots_writes_total',
      help: 'ConfigMaps of trust anchors that were written, or could not be.',
      labelNames: ['result'] as const,
      registers: [options.registry],
    });
    const { published } = this;
    new Gauge({
      name: 'identity_trust_roots_namespaces',
      help: 'Namespaces that this replica has published the trust anchors to.',
      registers: [options.registry],
      collect() {
        this.set(published.size);
      },
    });
    this.stopWatching = options.namespaces.watch('Namespace', ({ type, object }) => {
      const { name } = object.metadata;
      if (name === options.meshNamespace || systemNamespaces.includes(name)) return;
      if (type === 'deleted') this.forget(name);
      else if (!this.namespaces.has(name)) {
        this.namespaces.add(name);
        // Not by force: another mesh may have been first.
        this.publish([name], false);
      }
    });
    this.sweepTimer = setInterval(() => void this.sweep(), options.sweepMs ?? 30_000);
    this.sweepTimer.unref();
  }

  /** The bundle (PEM) to publish from now on. */
  setBundle(bundle: string): void {
    if (bundle === this.bundle) return;
    this.bundle = bundle;
    void this.sweep();
  }

  /** Whether this replica is the one that publishes. */
  setActive(active: boolean): void {
    this.active = active;
    if (active) void this.sweep();
    else {
      this.pending.clear();
      this.published.clear();
    }
  }

  close(): void {
    this.active = false;
    this.stopWatching();
    this.pending.clear();
    clearInterval(this.sweepTimer);
    clearTimeout(this.retryTimer);
  }

  private forget(name: string): void {
    this.namespaces.delete(name);
    this.pending.delete(name);
    this.published.delete(name);
  }

  /** Lists what is published, and publishes where that differs. Never rejects. */
  private async sweep(): Promise<void> {
    if (!this.active || this.bundle === undefined) return;
    const current = new Set<string>();
    const foreign = new Set<string>();
    const listed = new Set<string>();
    for (const path of this.collections()) {
      try {
        for await (const { metadata, data } of this.list(path)) {
          const owner = metadata.labels?.[controlPlaneNamespaceLabel] ?? this.options.meshNamespace;
          if (owner !== this.options.meshNamespace) foreign.add(metadata.namespace);
          else if (data?.[bundleKey] === this.bundle) current.add(metadata.namespace);
        }
        listed.add(path);
      } catch (error) {
        this.fail((error as Error).message);
      }
    }
    // Not by force: of what is published there, and by whom, nothing is known.
    const isUnknown = (name: string): boolean => !listed.has(this.collectionOf(name));
    for (const name of this.namespaces) {
      if (isUnknown(name)) continue;
      if (current.has(name)) this.published.add(name);
      else this.published.delete(name);
    }
    this.publish([...this.namespaces].filter(isUnknown), false);
    const rest = [...this.namespaces].filter((name) => !isUnknown(name) && !current.has(name) && !foreign.has(name));
    this.publish(rest, true);
  }

  private collections(): ReadonlySet<string> {
    return new Set([...this.namespaces].map((name) => this.collectionOf(name)));
  }

  /** Where the ConfigMap of a namespace is listed. */
  private collectionOf(namespace: string): string {
    const { scope = wholeCluster } = this.options;
    return 'all' in scope ? '/api/v1/configmaps' : `/api/v1/namespaces/${namespace}/configmaps`;
  }

  private async *list(path: string): AsyncGenerator<ConfigMap> {
    let next: string | undefined = '';
    while (next !== undefined) {
      const page: ConfigMapList = await this.options.api.get(path, {
        fieldSelector: `metadata.name=${this.options.name}`,
        limit: `${pageSize}`,
        ...(next === '' ? {} : { continue: next }),
      });
      yield* page.items;
      next = page.metadata.continue || undefined;
    }
  }

  private publish(names: Iterable<string>, force: boolean): void {
    if (!this.active || this.bundle === undefined) return;
    for (const name of names) this.pending.set(name, force);
    while (this.working < (this.options.concurrency ?? 8) && this.next() !== undefined) void this.work();
  }

  private async work(): Promise<void> {
    this.working++;
    for (let next = this.next(); next !== undefined; next = this.next()) {
      const [name, force] = next;
      this.pending.delete(name);
      this.writing.add(name);
      try {
        await this.write(name, force);
        this.published.add(name);
        this.retryMs = this.options.retryMs ?? 500;
      } catch (error) {
        // A namespace that ends takes no new objects, and is gone soon; of a conflict, the next sweep sees who owns a
        // field of it.
        if (!isEnding(error) && !isConflict(error)) {
          this.fail(`namespace ${name}: ${(error as Error).message}`);
          this.retryLater(name);
        }
      }
      this.writing.delete(name);
    }
    this.working--;
  }

  /** Never one that is being written: an older bundle could arrive last. */
  private next(): [string, boolean] | undefined {
    for (const entry of this.pending) if (!this.writing.has(entry[0])) return entry;
    return undefined;
  }

  private async write(namespace: string, force: boolean): Promise<void> {
    const { api, name, meshNamespace } = this.options;
    const labels = { [controlPlaneNamespaceLabel]: meshNamespace };
    const configMap: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels },
      data: { [bundleKey]: this.bundle ?? '' },
    };
    // Unlike a POST, an apply names the object to the authorizer: the right to create can be one for this name alone.
    await api.patch(`/api/v1/namespaces/${namespace}/configmaps/${name}`, configMap, 'apply', {
      fieldManager: `tulle-identity.${meshNamespace}`,
      force: `${force}`,
    });
    this.results.inc({ result: 'written' });
  }

  private retryLater(name: string): void {
    this.failed.add(name);
    if (this.retryTimer !== undefined) return;
    this.retryTimer = setTimeout(() => {
      this.retryTimer = undefined;
      const again = [...this.failed];
      this.failed.clear();
      this.publish(
        again.filter((one) => this.namespaces.has(one)),
        false,
      );
    }, this.retryMs);
    this.retryTimer.unref();
    this.retryMs = Math.min(this.retryMs * 2, this.options.sweepMs ?? 30_000);
  }

  private fail(problem: string): void {
    this.results.inc({ result: 'failed' });
    // The same trouble is told once.
    if (!this.told.has(problem)) this.options.log.error({ problem }, 'trust anchors not published');
    if (this.told.size >= maxTold) this.told.clear();
    this.told.add(problem);
  }
}

function isEnding(error: unknown): boolean {
  if (isNotFound(error)) return true;
  return error instanceof ApiError && error.status === 403 && error.message.includes('being terminated');
}
