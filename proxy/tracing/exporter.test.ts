import { describe, expect, it } from 'vitest';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { SpanId, TraceId } from '../telemetry/trace/ids.ts';
import type { Span } from '../telemetry/trace/span.ts';
import type { SpanFormat } from '../telemetry/trace/span-format.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import type { Collector, Exported } from './collector.ts';
import { SpanExporter } from './exporter.ts';
import { type EncodedSpans, maxQueuedSpans } from './span-queue.ts';

const span: Span = {
  traceId: new TraceId(0, 0, 0, 1),
  spanId: new SpanId(0, 1),
  parentId: undefined,
  state: '',
  kind: 'server',
  name: 'GET',
  startMs: 0,
  endMs: 1,
  attributes: [],
  error: undefined,
  peer: undefined,
};

/** A collector whose answers the test gives. */
class TestCollector implements Collector {
  readonly address = 'collector:4317';
  /** Of what is encoded. */
  spanBytes = 600;
  readonly format: SpanFormat = {
    attributes: () => new Uint8Array(0),
    frontBytes: 0,
    encode: (out) => out.append(new Uint8Array(this.spanBytes)),
    batch: (out) => out.bytes.subarray(0, out.length),
  };
  readonly batches: number[] = [];
  closed = false;
  private readonly waiting: ((result: Exported) => void)[] = [];

  export({ count, bytes }: EncodedSpans): Promise<Exported> {
    expect(bytes.length).toBe(count * this.spanBytes);
    this.batches.push(count);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Answers the export that has waited longest, and lets the exporter go on. */
  async answer(result: Exported): Promise<void> {
    this.waiting.shift()?.(result);
    await new Promise((resolve) => setImmediate(resolve));
  }

  close(): void {
    this.closed = true;
  }
}

const taken: Exported = { kind: 'taken', rejected: 0 };
const unavailable: Exported = { kind: 'unavailable', detail: 'nobody listens' };
const refused: Exported = { kind: 'refused', detail: 'HTTP status 400' };

function setup() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = new Log(
    'info',
    'plain',
    (line) => lines.push(line),
    () => new Date(0),
  );
  const registry = new MetricsRegistry(() => clock.nowMs());
  const collector = new TestCollector();
  const exporter = new SpanExporter({ collector, registry, log, timers: clock, random: () => 0.5 });
  const add = (count: number, bytes = 600): void => {
    collector.spanBytes = bytes;
    for (let i = 0; i < count; i++) exporter.add(span);
  };
  const metric = (start: string): number => {
    const line = [...registry.pieces()]
      .join('')
      .split('\n')
      .find((text) => text.startsWith(start));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const dropped = (reason: string): number => metric(`trace_spans_dropped_total{reason="${reason}"}`);
  return { clock, lines, collector, exporter, add, metric, dropped };
}

describe('the exporter of spans', () => {
  it('sends what came within a second together', async () => {
    const { clock, collector, add, metric } = setup();
    add(2);
    clock.advance(999);
    expect(collector.batches).toEqual([]);
    add(1);
    clock.advance(1);
    expect(collector.batches).toEqual([3]);
    await collector.answer(taken);
    expect([metric('trace_spans_exported_total'), metric('trace_spans_queued')]).toEqual([3, 0]);
  });

  it('sends a full batch at once, and one at a time', async () => {
    const { clock, collector, add, metric } = setup();
    add(1200);
    clock.advance(0);
    expect(collector.batches).toEqual([512]);
    clock.advance(5000);
    expect(collector.batches).toEqual([512]);
    await collector.answer(taken);
    await collector.answer(taken);
    expect(collector.batches).toEqual([512, 512]);
    clock.advance(1000);
    expect(collector.batches).toEqual([512, 512, 176]);
    await collector.answer(taken);
    expect(metric('trace_spans_exported_total')).toBe(1200);
  });

  it('cuts batches by size, too', () => {
    const { clock, collector, add } = setup();
    add(10, 200 * 1024);
    clock.advance(0);
    expect(collector.batches).toEqual([2]);
  });

  it('drops what the queue has no room for, by count and by size', () => {
    const many = setup();
    many.add(maxQueuedSpans + 5);
    expect([many.dropped('queue full'), many.metric('trace_spans_queued')]).toEqual([5, maxQueuedSpans]);
    const large = setup();
    large.add(30, 100 * 1024);
    expect([large.dropped('queue full'), large.metric('trace_spans_queued')]).toEqual([10, 20]);
  });

  it('tries a batch three times, later each time, and then drops it', async () => {
    const { clock, collector, add, dropped, lines } = setup();
    add(2);
    clock.advance(1000);
    await collector.answer(unavailable);
    clock.advance(624);
    expect(collector.batches.length).toBe(1);
    clock.advance(1);
    await collector.answer(unavailable);
    clock.advance(1249);
    expect(collector.batches.length).toBe(2);
    clock.advance(1);
    await collector.answer(unavailable);
    expect(collector.batches).toEqual([2, 2, 2]);
    expect(dropped('unavailable')).toBe(2);
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain('spans are not taken: traces have gaps collector=collector:4317 cause=nobody listens');
  });

  it('goes on where the collector is there again, and says so', async () => {
    const { clock, collector, add, metric, lines } = setup();
    add(2);
    clock.advance(1000);
    await collector.answer(unavailable);
    add(1);
    clock.advance(625);
    await collector.answer(taken);
    expect([metric('trace_spans_exported_total'), lines[1]]).toEqual([3, expect.stringContaining('taken again')]);
  });

  it('does not send again what was refused', async () => {
    const { clock, collector, add, dropped } = setup();
    add(2);
    clock.advance(1000);
    await collector.answer(refused);
    clock.advance(60_000);
    expect([collector.batches, dropped('refused')]).toEqual([[2], 2]);
  });

  it('counts what was refused of a batch that was taken', async () => {
    const { clock, collector, add, dropped, metric } = setup();
    add(5);
    clock.advance(1000);
    await collector.answer({ kind: 'taken', rejected: 2 });
    expect([dropped('refused'), metric('trace_spans_exported_total')]).toEqual([2, 3]);
  });

  it('sets no timer when there was nothing to send for a second', async () => {
    const { clock, collector, add } = setup();
    expect(clock.pending).toBe(0);
    add(1);
    clock.advance(1000);
    await collector.answer(taken);
    add(1);
    clock.advance(1000);
    expect(collector.batches).toEqual([1, 1]);
    await collector.answer(taken);
    clock.advance(1000);
    expect(clock.pending).toBe(0);
  });
});

describe('the end of the exporter', () => {
  it('waits until what is there was taken', async () => {
    const { collector, exporter, add, metric } = setup();
    let done = false;
    add(600);
    exporter.shutdown(2000, () => {
      done = true;
    });
    await collector.answer(taken);
    expect(done).toBe(false);
    await collector.answer(taken);
    expect([done, collector.closed, metric('trace_spans_exported_total')]).toEqual([true, true, 600]);
  });

  it('comes at once where there is nothing, or nobody takes it', async () => {
    const empty = setup();
    let ends = 0;
    empty.exporter.shutdown(2000, () => void ends++);
    expect(ends).toBe(1);
    const dead = setup();
    dead.add(3);
    dead.exporter.shutdown(2000, () => void ends++);
    await dead.collector.answer(unavailable);
    expect([ends, dead.dropped('shutdown')]).toEqual([2, 3]);
  });

  it('comes in time where the collector does not answer, once, and drops what comes later', async () => {
    const { clock, collector, exporter, add, dropped } = setup();
    let ends = 0;
    add(3);
    clock.advance(1000);
    exporter.shutdown(2000, () => void ends++);
    add(1);
    clock.advance(1999);
    expect(ends).toBe(0);
    clock.advance(1);
    add(1);
    await collector.answer(taken);
    expect([ends, dropped('shutdown'), collector.closed]).toEqual([1, 5, true]);
  });
});
