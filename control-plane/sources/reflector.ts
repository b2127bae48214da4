import type { V1ListMeta } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { ApiError, isNotFound } from '../kubernetes/api.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { InJson } from '../kubernetes/in-json.ts';
import { fromStatus, type Status } from '../kubernetes/status-error.ts';
import { backOffMs } from './back-off.ts';
import { type Kind, type KindInfo, kindInfo } from './kinds.ts';
import { objectKey } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import type { ReadTimes } from './read-times.ts';
import { ReadingLog } from './reading-log.ts';
import { recoveryFrom, UnreadableEvent } from './recovery.ts';
import { doRounds } from './rounds.ts';
import type { SourceMetrics } from './source-metrics.ts';
import { checkMetadata, MalformedObject, trim } from './trim.ts';
import { watchLines } from './watch-stream.ts';

export interface ReflectorOptions {
  readonly kind: Kind;
  /** The namespace whose objects are read; those of all, and of the whole cluster, without it. */
  readonly namespace?: string;
  readonly client: Pick<KubernetesClient, 'get' | 'stream'>;
  readonly store: ObjectStore;
  readonly metrics: SourceMetrics;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: () => number;
  readonly times: ReadTimes;
  /** Objects of a page. Default 500. */
  readonly pageSize?: number;
}

interface ListPage {
  readonly metadata?: InJson<V1ListMeta>;
  readonly items?: readonly unknown[];
}

interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata?: { readonly resourceVersion?: string; readonly managedFields?: unknown } };
}

/** Nothing is there to read: no version of the kind is served. */
class AbsentKind extends Error {}

const maxLineBytes = 16 * 1024 * 1024;
/** A watch that ends sooner is not begun again at once; one that said nothing counts as a failure. */
const shortWatchMs = 5000;

/**
 * Keeps the store's objects of one kind, of one namespace or all, as those of the API server: lists them, watches from there, resumes where it was,
 * and lists again when the server has forgotten that version. Objects stay while the server cannot be read.
 */
export class Reflector {
  /** Settles once the kind has been listed, or was found not to be there. */
  readonly listed: Promise<void>;
  private readonly options: ReflectorOptions;
  private readonly info: KindInfo;
  private readonly log: ReadingLog;
  private readonly stop = new AbortController();
  private settleListed: () => void = () => {};
  /** The version of the API that is read; the first that is served. */
  private version: string;
  /** Where the watch goes on; undefined when the objects must be listed. */
  private resourceVersion: string | undefined = undefined;
  /** Since the server last said something on a watch. */
  private failures = 0;
  /** Watches from this place that the server refused. */
  private refusals = 0;
  private absences = 0;
  private wholeList = false;
  private forbidden = false;

  constructor(options: ReflectorOptions) {
    this.options = options;
    this.info = kindInfo[options.kind];
    this.version = this.info.versions[0];
    this.log = new ReadingLog(this.info, options.namespace, options.log.child({ kind: options.kind }));
    this.listed = new Promise((resolve) => {
      this.settleListed = resolve;
    });
    void doRounds(this.stop.signal, () => this.round());
  }

  close(): void {
    this.stop.abort();
  }

  /** Lists when needed, then watches until that ends. Returns how long to wait before the next round. */
  private async round(): Promise<number> {
    const { kind, metrics, now, random, times } = this.options;
    try {
      const from = this.resourceVersion ?? (await this.list());
      const startedMs = now();
      const heard = await this.watch(from);
      metrics.restarts.inc({ kind, reason: 'ended' });
      if (now() - startedMs >= shortWatchMs) return 0;
      return backOffMs(times.backOff, heard ? 1 : ++this.failures, random);
    } catch (error) {
      if (this.stop.signal.aborted) return 0;
      return error instanceof AbsentKind ? this.absent() : this.recover(error as Error);
    }
  }

  private recover(error: Error): number {
    const { kind, metrics, random, times } = this.options;
    this.failures++;
    const recovery = recoveryFrom(error, this.refusals);
    if (recovery.refusal) this.refusals++;
    metrics.restarts.inc({ kind, reason: recovery.reason });
    if (recovery.reason === 'expired' && this.resourceVersion === undefined) this.wholeList = true;
    if (recovery.relist) this.resourceVersion = undefined;
    this.log.failed(error, recovery, this.failures);
    this.setForbidden(recovery.reason === 'forbidden');
    if (recovery.reason === 'forbidden') return times.forbiddenRetryMs * (0.9 + 0.2 * random());
    return backOffMs(times.backOff, this.failures, random, recovery.retryAfterMs);
  }

  private setForbidden(forbidden: boolean): void {
    if (this.forbidden === forbidden) return;
    this.forbidden = forbidden;
    const { kind, namespace = '', metrics } = this.options;
    metrics.forbidden.set({ kind, namespace }, forbidden ? 1 : 0);
  }

  private recovered(): void {
    this.log.recovered(this.failures);
    this.failures = 0;
    this.refusals = 0;
  }

  /** One look may fall into a moment in which definitions are replaced or not loaded: what is known goes at the second. */
  private absent(): number {
    const { kind, namespace, store, metrics, random, times } = this.options;
    this.recovered();
    this.setForbidden(false);
    const held = store.size(kind, namespace);
    if (++this.absences > 1 || held === 0) {
      if (held > 0) this.log.vanished(held);
      store.retain(kind, new Set(), namespace);
      metrics.objects.set({ kind }, store.size(kind));
      this.settleListed();
    }
    return times.absentRetryMs * (0.9 + 0.2 * random());
  }

  private async list(): Promise<string> {
    for (const version of this.info.versions) {
      let resourceVersion: string;
      try {
        resourceVersion = await this.listVersion(version);
      } catch (error) {
        if (isNotFound(error)) continue;
        throw error;
      }
      if (this.absences > 0) this.log.appeared(version);
      this.version = version;
      this.resourceVersion = resourceVersion;
      this.refusals = 0;
      this.absences = 0;
      this.wholeList = false;
      this.settleListed();
      return resourceVersion;
    }
    if (this.info.optional) throw new AbsentKind();
    throw new ApiError(404, 'NotFound', `${this.path(this.version)}: the API server does not know this kind`);
  }

  private async listVersion(version: string): Promise<string> {
    const { client, kind, namespace, store, metrics, pageSize = 500 } = this.options;
    const keys = new Set<string>();
    let page: ListPage;
    let next: string | undefined;
    do {
      const query: Record<string, string> = {};
      // A list that grew too old between its pages is read at once.
      if (!this.wholeList) query['limit'] = String(pageSize);
      if (next !== undefined) query['continue'] = next;
      page = await client.get<ListPage>(this.path(version), query);
      if (this.stop.signal.aborted) throw new Error('closed');
      for (const item of page.items ?? []) this.take(item, version, keys);
      next = page.metadata?.continue || undefined;
    } while (next !== undefined);
    const resourceVersion = page.metadata?.resourceVersion;
    if (!resourceVersion) throw new UnreadableEvent(`${this.path(version)}: the list has no resourceVersion`);
    store.retain(kind, keys, namespace);
    metrics.lists.inc({ kind });
    this.heard();
    return resourceVersion;
  }

  /** Whether the watch said anything. Returns when the server ends it. */
  private async watch(from: string): Promise<boolean> {
    const { client, kind, metrics, random, times } = this.options;
    const seconds = Math.max(1, Math.round((times.watchMs * (1 + random())) / 1000));
    const query = { watch: '1', allowWatchBookmarks: 'true', resourceVersion: from, timeoutSeconds: String(seconds) };
    const response = await client.stream(this.path(this.version), query, this.stop.signal);
    metrics.watches.inc({ kind });
    let heard = false;
    for await (const line of watchLines(response, { silenceMs: times.silenceMs, maxLineBytes })) {
      this.handle(this.parse(line));
      heard = true;
      this.recovered();
    }
    return heard;
  }

  private parse(line: string): WatchEvent {
    try {
      const event = JSON.parse(line) as WatchEvent;
      if (typeof event?.type === 'string' && typeof event.object === 'object' && event.object !== null) return event;
      throw new Error('it has no type and object');
    } catch (error) {
      this.options.metrics.decodeErrors.inc({ kind: this.options.kind });
      const at = `the event after version ${this.resourceVersion} (${line.length} characters)`;
      throw new UnreadableEvent(`${at} cannot be read: ${(error as Error).message}`);
    }
  }

  private handle({ type, object }: WatchEvent): void {
    const { kind, store, metrics, now } = this.options;
    metrics.events.inc({ kind, type });
    if (type === 'ERROR') throw fromStatus(`watch of ${this.path(this.version)}`, object as Status);
    if (type === 'ADDED' || type === 'MODIFIED') {
      const changedMs = type === 'MODIFIED' ? lastChangeMs(object.metadata?.managedFields) : undefined;
      if (changedMs !== undefined) metrics.lag.get(kind)?.observe(Math.max(0, now() - changedMs) / 1000);
      this.take(object, this.version);
    } else if (type === 'DELETED') {
      this.readably(object, () => {
        const { metadata } = checkMetadata(kind, object);
        store.delete({ apiVersion: this.apiVersion(this.version), kind: this.info.kind, metadata });
      });
    }
    const { resourceVersion } = object.metadata ?? {};
    if (typeof resourceVersion === 'string' && resourceVersion !== '') this.resourceVersion = resourceVersion;
    this.heard();
  }

  /** Stores an object. One that is malformed is reported; if it was well before, it stays as it was. */
  private take(object: unknown, version: string, keys?: Set<string>): void {
    const { kind, store } = this.options;
    this.readably(object, () => {
      const identity = checkMetadata(kind, object);
      keys?.add(objectKey({ ...identity, kind: this.info.kind }));
      store.put(trim(kind, this.apiVersion(version), object));
    });
  }

  private readably(object: unknown, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof MalformedObject)) throw error;
      this.options.metrics.decodeErrors.inc({ kind: this.options.kind });
      this.log.malformed(object, error);
    }
  }

  private heard(): void {
    const { kind, store, metrics, now } = this.options;
    metrics.objects.set({ kind }, store.size(kind));
    metrics.lastHeard.set({ kind }, now() / 1000);
    this.setForbidden(false);
  }

  private apiVersion(version: string): string {
    return this.info.group === '' ? version : `${this.info.group}/${version}`;
  }

  private path(version: string): string {
    const { group, plural } = this.info;
    const { namespace } = this.options;
    const api = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    return namespace === undefined ? `${api}/${plural}` : `${api}/namespaces/${namespace}/${plural}`;
  }
}

/** When somebody last changed an object, to the second, as far as it says. */
function lastChangeMs(managedFields: unknown): number | undefined {
  if (!Array.isArray(managedFields)) return undefined;
  const times = managedFields.map((entry: { time?: string }) => Date.parse(entry?.time ?? '')).filter(Number.isFinite);
  return times.length === 0 ? undefined : Math.max(...times);
}
