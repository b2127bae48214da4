import { Counter, type Registry } from 'prom-client';
import { isNotFound, type KubernetesApi } from './api.ts';

/** The object that an Event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Events on objects of the whole cluster stand in `default`. */
  readonly namespace?: string;
  readonly uid?: string;
}

export interface KubernetesEvent {
  /** `Warning` for what somebody should look at. */
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, for machines: `IssuerUpdated`. */
  readonly reason: string;
  /** For people; cut after 1,024 characters. */
  readonly message: string;
}

export interface EventRecorderOptions {
  readonly api: KubernetesApi;
  /** Named as the source: `tulle-identity`. */
  readonly component: string;
  readonly registry: Registry;
  /** Told when writing begins to fail, not of each failure after that. */
  readonly onProblem: (message: string) => void;
  readonly now: () => number;
  readonly random: () => number;
  /** Events that may be written at once, and how many more each second. Default 25 and 2. */
  readonly burst?: number;
  readonly perSecond?: number;
  /** Repetitions of an Event are written at most this often. Default 10 s. */
  readonly repeatMs?: number;
}

interface Known {
  readonly subject: EventSubject;
  readonly event: KubernetesEvent;
  /** Where the Event stands; undefined while it is being written. */
  path: string | undefined;
  count: number;
  /** The count that the server has. */
  written: number;
  lastMs: number;
  writing: boolean;
}

/** An Event that is repeated within this time is counted on the one that is there. */
const sameEventMs = 10 * 60_000;
const maxKnown = 1000;
const maxMessage = 1024;

/**
 * Writes Events on objects, where `kubectl describe` shows them. It is best effort: `record` returns at once and never
 * throws; what is too much or is refused by the server is counted.
 */
export class EventRecorder {
  private readonly options: EventRecorderOptions;
  private readonly known = new Map<string, Known>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly results: Counter<'result'>;
  private readonly burst: number;
  private readonly perSecond: number;
  private tokens: number;
  private filledMs: number;
  private failing = false;
  private closed = false;

  constructor(options: EventRecorderOptions) {
    this.options = options;
    this.burst = options.burst ?? 25;
    this.perSecond = options.perSecond ?? 2;
    this.tokens = this.burst;
    this.filledMs = options.now();
    this.results = new Counter({
      name: 'kubernetes_events_recorded_total',
      help: 'Kubernetes Events by what became of them: written, repeated (counted on an earlier one), dropped, failed',
      labelNames: ['result'],
      registers: [options.registry],
    });
  }

  record(subject: EventSubject, event: KubernetesEvent): void {
    if (this.closed) return;
    const nowMs = this.options.now();
    const message = event.message.length > maxMessage ? `${event.message.slice(0, maxMessage - 3)}...` : event.message;
    const key = [subject.kind, subject.namespace, subject.name, subject.uid, event.type, event.reason, message].join(
      '\n',
    );
    const known = this.known.get(key);
    if (known !== undefined && nowMs - known.lastMs < sameEventMs) {
      known.count++;
      known.lastMs = nowMs;
      this.results.inc({ result: 'repeated' });
      if (!known.writing) this.repeatLater(known);
      return;
    }
    if (!this.takeToken(nowMs)) {
      this.results.inc({ result: 'dropped' });
      return;
    }
    const told = { ...event, message };
    const entry: Known = { subject, event: told, path: undefined, count: 1, written: 1, lastMs: nowMs, writing: true };
    this.known.delete(key);
    this.known.set(key, entry);
    if (this.known.size > maxKnown) this.known.delete(this.known.keys().next().value as string);
    void this.write(entry);
  }

  /** Repetitions that were not written by now are lost. */
  close(): void {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private async write(entry: Known): Promise<void> {
    const { subject, event, count, lastMs: nowMs } = entry;
    const namespace = subject.namespace ?? 'default';
    const { component } = this.options;
    const suffix = `${nowMs.toString(16)}${Math.floor(this.options.random() * 0x1_0000_0000).toString(16)}`;
    const name = `${subject.name.slice(0, 200)}.${suffix}`;
    const collection = `/api/v1/namespaces/${namespace}/events`;
    const time = new Date(nowMs).toISOString();
    try {
      await this.options.api.create(collection, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name, namespace },
        involvedObject: { ...subject, namespace: subject.namespace },
        ...event,
        source: { component },
        reportingComponent: component,
        firstTimestamp: time,
        lastTimestamp: time,
        count,
      });
      entry.path = `${collection}/${name}`;
      entry.written = count;
      this.results.inc({ result: 'written' });
      this.failing = false;
    } catch (error) {
      // The next one of its kind is tried anew.
      entry.lastMs = Number.NEGATIVE_INFINITY;
      this.fail(error as Error);
    }
    entry.writing = false;
    if (entry.count > entry.written) this.repeatLater(entry);
  }

  private repeatLater(entry: Known): void {
    if (this.closed || entry.path === undefined) return;
    entry.writing = true;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      void this.repeat(entry);
    }, this.options.repeatMs ?? 10_000);
    timer.unref();
    this.timers.add(timer);
  }

  private async repeat(entry: Known): Promise<void> {
    const { count, lastMs, path } = entry;
    try {
      const lastTimestamp = new Date(lastMs).toISOString();
      await this.options.api.patch(path as string, { count, lastTimestamp }, 'merge');
      entry.written = count;
    } catch (error) {
      if (isNotFound(error)) {
        // Events live for an hour, and go with their namespace, which may have been made anew since.
        entry.path = undefined;
        entry.count -= entry.written;
        entry.written = 0;
        await this.write(entry);
        return;
      }
      entry.lastMs = Number.NEGATIVE_INFINITY;
      entry.written = entry.count;
      this.fail(error as Error);
    }
    entry.writing = false;
    if (entry.count > entry.written) this.repeatLater(entry);
  }

  private fail(error: Error): void {
    this.results.inc({ result: 'failed' });
    if (!this.failing) this.options.onProblem(`an Event was not written: ${error.message}`);
    this.failing = true;
  }

  private takeToken(nowMs: number): boolean {
    this.tokens = Math.min(this.burst, this.tokens + ((nowMs - this.filledMs) / 1000) * this.perSecond);
    this.filledMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
