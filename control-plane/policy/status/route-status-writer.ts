import type { Logger } from 'pino';
import { ApiError, isConflict, isNotFound, type KubernetesApi } from '../../kubernetes/api.ts';
import { kindInfo } from '../../sources/kinds.ts';
import { type PolicyIndex, policyTopics } from '../index/policy-index.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { routeStatus } from './route-status.ts';

export interface RouteStatusWriterOptions {
  readonly index: PolicyIndex;
  readonly api: KubernetesApi;
  readonly log: Logger;
  readonly now: () => Date;
  /** How long to wait after a write that failed, when the server does not say. Default 5 s. */
  readonly retryMs?: number;
}

/**
 * Writes the status of routes whenever it is not what it should be. One replica writes, the leader: `start` when it
 * becomes that, `stop` when it is no longer. Writes go one after the other, so that a thousand routes at once are no
 * flood.
 */
export class RouteStatusWriter {
  private readonly options: RouteStatusWriterOptions;
  /** What was written for an object as it was read: until the source shows it, it is not written again. */
  private sent = new WeakMap<object, string>();
  private unsubscribe: (() => void) | undefined = undefined;
  private running: Promise<void> | undefined = undefined;
  private retry: NodeJS.Timeout | undefined = undefined;
  private again = false;

  constructor(options: RouteStatusWriterOptions) {
    this.options = options;
  }

  start(): void {
    if (this.unsubscribe !== undefined) return;
    this.sent = new WeakMap();
    this.unsubscribe = this.options.index.topics.subscribe([policyTopics.attachments], () => this.reconcile());
    this.reconcile();
  }

  /** Settles when the write under way, if there is one, has ended. */
  async stop(): Promise<void> {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    clearTimeout(this.retry);
    await this.running;
  }

  private reconcile(): void {
    this.again = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      if (this.again && this.unsubscribe !== undefined) this.reconcile();
    });
  }

  private async run(): Promise<void> {
    while (this.again && this.unsubscribe !== undefined) {
      this.again = false;
      for (const route of [...this.options.index.routes.all()]) {
        if (this.unsubscribe === undefined) return;
        await this.write(route);
      }
    }
  }

  private async write(route: IndexedRoute): Promise<void> {
    const { index, api, log, now } = this.options;
    const { object, namespace, source } = route;
    const parents = routeStatus(route, index, now());
    if (parents === undefined) return;
    const { apiVersion, metadata } = object;
    const kind = kindInfo[source].kind;
    const written = JSON.stringify(
      parents.map(({ conditions, ...parent }) => [
        parent,
        conditions?.map(({ lastTransitionTime: _, ...condition }) => condition),
      ]),
    );
    if (this.sent.get(object) === written) return;
    const path = `/apis/${apiVersion}/namespaces/${namespace}/${kindInfo[source].plural}/${metadata.name}/status`;
    try {
      // The list is one value for the API server: with the version, what another controller wrote since is not lost.
      const { resourceVersion } = metadata;
      const version = resourceVersion === undefined ? {} : { metadata: { resourceVersion } };
      await api.patch(path, { apiVersion, kind, ...version, status: { parents } }, 'merge');
      this.sent.set(object, written);
    } catch (error) {
      // A route that is gone needs no status.
      if (isNotFound(error)) return;
      if (isConflict(error)) {
        // The source is about to show what changed; the timer is for the case that it has not heard of it.
        log.debug({ route: `${namespace}/${metadata.name}`, kind }, 'the route has changed: its status waits for that');
        this.retryLater(undefined);
        return;
      }
      log.warn({ route: `${namespace}/${metadata.name}`, kind, error: (error as Error).message }, 'status not written');
      this.retryLater(error instanceof ApiError ? error.retryAfterMs : undefined);
    }
  }

  private retryLater(afterMs: number | undefined): void {
    clearTimeout(this.retry);
    if (this.unsubscribe === undefined) return;
    this.retry = setTimeout(() => this.reconcile(), afterMs ?? this.options.retryMs ?? 5000);
    this.retry.unref();
  }
}
