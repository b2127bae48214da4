import type { TimerHandle, Timers } from '../clock.ts';
import { BackOff } from '../resilience/back-off.ts';
import type { Log } from '../telemetry/log.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';
import type { Span } from '../telemetry/trace/span.ts';
import type { Collector } from './collector.ts';
import { type EncodedSpans, SpanQueue } from './span-queue.ts';

export interface SpanExporterOptions {
  collector: Collector;
  registry: MetricsRegistry;
  log: Log;
  timers: Timers;
  random: () => number;
}

/** How long the first span of a batch waits for others. */
const collectMs = 1000;
const exportTimeoutMs = 5000;
/** A batch that could not be sent so often is dropped: newer spans are worth more. */
const maxTries = 3;
const minBackOffMs = 500;
const maxBackOffMs = 30_000;

type DropReason = 'queue full' | 'unavailable' | 'refused' | 'shutdown';

/**
 * Takes spans and sends them, a batch at a time:
 *
 *     idle --a span--> collecting --time, or a full batch--> due --> exporting --taken--> idle, or exporting the next
 *                                                                    --unavailable--> backing off --> exporting again
 *
 * Nothing that becomes of the collector is noticed by requests: what does not fit into the queue is dropped and counted.
 */
export class SpanExporter {
  private readonly options: SpanExporterOptions;
  private readonly backOff: BackOff;
  private readonly exported: { value: number };
  private readonly dropped: (reason: DropReason, count: number) => void;
  private readonly queue: SpanQueue;
  private state: 'idle' | 'collecting' | 'due' | 'exporting' | 'backing off' | 'closed' = 'idle';
  private timer: TimerHandle = undefined;
  private tries = 0;
  /** The log was told that spans are lost, and not yet that they are taken again. */
  private toldLost = false;
  private onFlushed: (() => void) | undefined = undefined;

  constructor(options: SpanExporterOptions) {
    const { registry, random } = options;
    this.options = options;
    this.queue = new SpanQueue(options.collector.format);
    this.backOff = new BackOff(minBackOffMs, maxBackOffMs, 0.5, random);
    this.exported = registry.counter('trace_spans_exported_total', 'Spans that the collector took.').count({});
    const dropped = registry.counter('trace_spans_dropped_total', 'Spans that were dropped, by reason.');
    this.dropped = (reason, count) => {
      if (count > 0) dropped.add({ reason }, count);
    };
    registry.gauge('trace_spans_queued', 'Spans that wait to be sent.', () => this.queue.count);
  }

  /** Takes a span, or drops it. */
  add(span: Span): void {
    if (this.state === 'closed' || this.onFlushed !== undefined) {
      this.dropped('shutdown', 1);
      return;
    }
    if (!this.queue.add(span)) {
      this.dropped('queue full', 1);
      return;
    }
    if (this.state === 'idle') {
      this.options.timers.cancel(this.timer);
      this.state = 'collecting';
      this.wait(collectMs);
    } else if (this.state === 'collecting' && this.queue.hasFullBatch) {
      this.options.timers.cancel(this.timer);
      // Behind what this turn still has to do.
      this.state = 'due';
      this.wait(0);
    }
  }

  /** Sends what waits, as far as it is taken within `withinMs`, and calls `done`. */
  shutdown(withinMs: number, done: () => void): void {
    const { timers } = this.options;
    const deadline = timers.after(withinMs, () => this.close());
    this.onFlushed = () => {
      timers.cancel(deadline);
      done();
    };
    if (this.state === 'exporting') return;
    timers.cancel(this.timer);
    this.next();
  }

  private wait(ms: number): void {
    this.timer = this.options.timers.after(ms, () => void this.export());
  }

  /** What follows when nothing is under way. */
  private next(): void {
    if (this.queue.count === 0) {
      this.state = 'idle';
      if (this.onFlushed !== undefined) this.close();
      else this.timer = this.options.timers.after(collectMs, () => this.queue.rest());
    } else if (this.queue.hasFullBatch || this.onFlushed !== undefined) void this.export();
    else {
      this.state = 'collecting';
      this.wait(collectMs);
    }
  }

  private async export(): Promise<void> {
    this.state = 'exporting';
    const batch = this.queue.first();
    const result = await this.options.collector.export(batch, exportTimeoutMs);
    // It was closed meanwhile, and all that was left counted.
    if ((this.state as string) === 'closed') return;
    if (result.kind === 'unavailable') {
      this.onUnavailable(batch, result.detail);
      return;
    }
    this.queue.remove();
    this.tries = 0;
    this.backOff.reset();
    if (result.kind === 'refused') {
      this.dropped('refused', batch.count);
      this.tellLost(result.detail);
    } else {
      const rejected = Math.min(result.rejected, batch.count);
      this.exported.value += batch.count - rejected;
      this.dropped('refused', rejected);
      this.tellTaken();
    }
    this.next();
  }

  private onUnavailable(batch: EncodedSpans, detail: string): void {
    this.tries++;
    this.tellLost(detail);
    if (this.onFlushed !== undefined) {
      this.close();
      return;
    }
    if (this.tries < maxTries) this.queue.keep();
    else {
      this.queue.remove();
      this.tries = 0;
      this.dropped('unavailable', batch.count);
    }
    if (this.queue.count === 0) {
      this.next();
      return;
    }
    this.state = 'backing off';
    this.wait(this.backOff.delayMs());
  }

  private close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.options.timers.cancel(this.timer);
    this.dropped('shutdown', this.queue.count);
    this.queue.clear();
    this.options.collector.close();
    this.onFlushed?.();
  }

  private tellLost(detail: string): void {
    if (this.toldLost) return;
    this.toldLost = true;
    const { log, collector } = this.options;
    log.warn('spans are not taken: traces have gaps', { collector: collector.address, cause: detail });
  }

  private tellTaken(): void {
    if (!this.toldLost) return;
    this.toldLost = false;
    this.options.log.info('spans are taken again', { collector: this.options.collector.address });
  }
}
