import type { Logger } from 'pino';
import { ApiError, isConflict, isNotFound, type KubernetesApi } from '../../kubernetes/api.ts';
import { kindInfo } from '../../sources/kinds.ts';
import type { PolicyIndex } from '../index/policy-index.ts';
import { policyTopics } from '../index/policy-topics.ts';
import { type ToldObject, toldObjects } from './told-objects.ts';

export interface StatusWriterOptions {
  readonly index: PolicyIndex;
  /** CIDRs of the cluster, into which an EgressNetwork must not reach. */
  readonly clusterNetworks: readonly string[];
  readonly api: KubernetesApi;
  readonly log: Logger;
  readonly now: () => Date;
  /** How long to wait after a write that failed, when the server does not say. Default 5 s. */
  readonly retryMs?: number;
}

/**
 * Writes the status of objects whenever it is not what it should be. One replica writes, the leader: `start` when it
 * becomes that, `stop` when it is no longer. Writes go one after the other, so that a thousand routes at once are no
 * flood.
 */
export class StatusWriter {
  private readonly options: StatusWriterOptions;
  /** What was written for an object as it was read: until the source shows it, it is not written again. */
  private sent = new WeakMap<object, string>();
  private unsubscribe: (() => void) | undefined = undefined;
  private running: Promise<void> | undefined = undefined;
  private retry: NodeJS.Timeout | undefined = undefined;
  private again = false;

  constructor(options: StatusWriterOptions) {
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
      for (const told of toldObjects(this.options.index, this.options.clusterNetworks)) {
        if (this.unsubscribe === undefined) return;
        await this.write(told);
      }
    }
  }

  private async write(told: ToldObject): Promise<void> {
    const { api, log, now } = this.options;
    const { object } = told;
    const status = told.status(now());
    if (status === undefined) return;
    const { apiVersion, metadata } = object;
    const { kind, plural } = kindInfo[told.kind];
    const { namespace = 'default', name } = metadata;
    const written = JSON.stringify(status, (field, value) => (field === 'lastTransitionTime' ? undefined : value));
    if (this.sent.get(object) === written) return;
    const path = `/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}/status`;
    try {
      // The list is one value for the API server: with the version, what another controller wrote since is not lost.
      const { resourceVersion } = metadata;
      const version = resourceVersion === undefined ? {} : { metadata: { resourceVersion } };
      await api.patch(path, { apiVersion, kind, ...version, status }, 'merge');
      this.sent.set(object, written);
    } catch (error) {
      // An object that is gone needs no status.
      if (isNotFound(error)) return;
      if (isConflict(error)) {
        // The source is about to show what changed; the timer is for the case that it has not heard of it.
        log.debug({ object: `${namespace}/${name}`, kind }, 'the object has changed: its status waits for that');
        this.retryLater(undefined);
        return;
      }
      log.warn({ object: `${namespace}/${name}`, kind, error: (error as Error).message }, 'status not written');
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
