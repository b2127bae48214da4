import type { Logger } from 'pino';
import { ApiError } from '../kubernetes/api.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { backOffMs } from './back-off.ts';
import type { ObjectStore } from './object-store.ts';
import type { ReadTimes } from './read-times.ts';
import { doRounds } from './rounds.ts';
import type { SourceMetrics } from './source-metrics.ts';
import { MalformedObject, trim } from './trim.ts';

export interface NamedNamespaceOptions {
  readonly name: string;
  readonly client: Pick<KubernetesClient, 'get'>;
  readonly store: ObjectStore;
  readonly metrics: SourceMetrics;
  readonly log: Logger;
  readonly random: () => number;
  readonly times: Pick<ReadTimes, 'namespaceMs' | 'backOff'>;
}

type State = 'there' | 'absent' | 'forbidden';

/**
 * Keeps the store's Namespace of one name as that of the API server. A Role can give the right to get it by its name, and
 * none to list or watch Namespaces, so it is looked at now and then. Where that is refused too, one without labels and
 * annotations stands in for it: the mesh's defaults count then.
 */
export class NamedNamespace {
  /** Settles once the API server has answered: with it, that there is none, or that it may not be read. */
  readonly listed: Promise<void>;
  private readonly options: NamedNamespaceOptions;
  private readonly stop = new AbortController();
  private settleListed: () => void = () => {};
  private state: State | undefined = undefined;
  private known = false;
  private failures = 0;

  constructor(options: NamedNamespaceOptions) {
    this.options = options;
    this.listed = new Promise((resolve) => {
      this.settleListed = resolve;
    });
    void doRounds(this.stop.signal, () => this.look());
  }

  close(): void {
    this.stop.abort();
  }

  /** Returns how long to wait before the next. */
  private async look(): Promise<number> {
    const { name, client, random, times } = this.options;
    try {
      const object = await client.get(`/api/v1/namespaces/${name}`);
      if (!this.stop.signal.aborted) this.found(object);
    } catch (error) {
      if (this.stop.signal.aborted) return 0;
      const { status, retryAfterMs } = error instanceof ApiError ? error : { status: 0, retryAfterMs: undefined };
      if (status === 404) this.absent();
      else if (status === 403) this.forbidden();
      else {
        const reason = (error as Error).message;
        if (++this.failures === 3) this.options.log.warn({ error: reason }, 'reading fails again and again');
        return backOffMs(times.backOff, this.failures, random, retryAfterMs);
      }
    }
    this.failures = 0;
    this.settleListed();
    return times.namespaceMs * (0.9 + 0.2 * random());
  }

  private found(object: unknown): void {
    const { log, metrics, store } = this.options;
    try {
      store.put(trim('Namespace', 'v1', object));
      this.known = true;
    } catch (error) {
      if (!(error instanceof MalformedObject)) throw error;
      metrics.decodeErrors.inc({ kind: 'Namespace' });
      if (this.state !== 'there') log.error({ error: error.message }, 'object cannot be read');
    }
    if (this.state === 'absent') log.info('namespace is there now');
    this.enter('there');
  }

  private absent(): void {
    const { log, store } = this.options;
    if (this.state !== 'absent') log.error('namespace does not exist: it is read once it does');
    store.delete(this.bare());
    this.known = false;
    this.enter('absent');
  }

  /** What was known of it before stays. */
  private forbidden(): void {
    const { name, log, store } = this.options;
    if (this.state !== 'forbidden') {
      const fix = `grant get on namespaces to the service account by a Role in ${name}`;
      log.warn({ fix }, 'annotations of the namespace do not count: it may not be read');
    }
    if (!this.known) store.put(this.bare());
    this.enter('forbidden');
  }

  private enter(state: State): void {
    const { name, metrics, store } = this.options;
    this.state = state;
    metrics.absentNamespaces.set({ namespace: name }, state === 'absent' ? 1 : 0);
    metrics.forbidden.set({ kind: 'Namespace', namespace: name }, state === 'forbidden' ? 1 : 0);
    metrics.objects.set({ kind: 'Namespace' }, store.size('Namespace'));
  }

  private bare() {
    return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.options.name } } as const;
  }
}
