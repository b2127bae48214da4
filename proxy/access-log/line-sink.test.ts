import { expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { LineSink, type WriteBytes } from './line-sink.ts';

/** A reader that takes what it is offered when the test says so. */
function slowReader() {
  const clock = new FakeClock();
  const writes: { bytes: Uint8Array; done: Parameters<WriteBytes>[1] }[] = [];
  let read = '';
  let dropped = 0;
  const sink = new LineSink({
    write: (bytes, done) => writes.push({ bytes, done }),
    timers: clock,
    onDropped: (count) => {
      dropped += count;
    },
  });
  return {
    sink,
    take: (line: string) => {
      const out = sink.begin();
      const start = out.length;
      out.appendLatin1(line);
      sink.end(start);
    },
    clock,
    read: () => read,
    dropped: () => dropped,
    pending: () => writes.length,
    takes: (most = Number.POSITIVE_INFINITY) => {
      const { bytes, done } = writes.shift() as (typeof writes)[number];
      const taken = bytes.subarray(0, Math.min(bytes.length, most));
      read += Buffer.from(taken).toString();
      done(null, taken.length);
    },
    refuses: (code: string) => (writes.shift() as (typeof writes)[number]).done({ code }, 0),
  };
}

it('gathers lines, and has one write under way at a time', () => {
  const reader = slowReader();
  reader.take('a\n');
  reader.take('b\n');
  expect(reader.pending()).toBe(0);
  reader.clock.advance(20);
  expect(reader.pending()).toBe(1);
  reader.take('c\n');
  reader.clock.advance(100);
  expect(reader.pending()).toBe(1);
  reader.takes();
  expect(reader.pending()).toBe(0);
  reader.take('d\n');
  reader.clock.advance(20);
  reader.takes();
  expect(reader.read()).toBe('a\nb\nc\nd\n');
  expect(reader.dropped()).toBe(0);
});

it('writes at once what came during a write when it is much, or when somebody waits for all of it', () => {
  const reader = slowReader();
  const [much, little] = ['x'.repeat(256 * 1024), 'a\n'];
  reader.take(little);
  reader.clock.advance(20);
  reader.take(much);
  reader.takes();
  expect(reader.pending()).toBe(1);
  reader.take(little);
  let drained = false;
  reader.sink.drain(1000, () => {
    drained = true;
  });
  reader.takes();
  expect(reader.pending()).toBe(1);
  reader.takes();
  expect([drained, reader.read().length]).toEqual([true, much.length + 4]);
});

it('writes on where a reader took a part', () => {
  const reader = slowReader();
  reader.take('abcdef\n');
  reader.clock.advance(20);
  for (const most of [1, 3]) reader.takes(most);
  reader.takes();
  expect(reader.read()).toBe('abcdef\n');
});

it('comes again to a reader that takes nothing now, and loses nothing by it', () => {
  const reader = slowReader();
  reader.take('a\n');
  reader.clock.advance(20);
  reader.refuses('EAGAIN');
  expect(reader.pending()).toBe(0);
  reader.clock.advance(100);
  reader.takes();
  expect([reader.read(), reader.dropped()]).toEqual(['a\n', 0]);
});

it('keeps a mebibyte for a reader that does not read, and drops and counts what is more', () => {
  const reader = slowReader();
  const line = `${'x'.repeat(1023)}\n`;
  reader.take('before\n');
  reader.clock.advance(20);
  for (let i = 0; i < 1500; i++) reader.take(line);
  expect(reader.dropped()).toBe(1500 - 1024);
  reader.takes();
  reader.takes();
  expect(reader.read()).toHaveLength('before\n'.length + 1024 * 1024);
  reader.take('after\n');
  reader.clock.advance(20);
  reader.takes();
  expect(reader.read().endsWith('after\n')).toBe(true);
});

it('counts what a reader that has gone did not get', () => {
  const reader = slowReader();
  reader.take('a\n');
  reader.take('b\n');
  reader.clock.advance(20);
  reader.refuses('EPIPE');
  expect(reader.dropped()).toBe(2);
});

it('is drained when all is written, and no later than it was told', () => {
  const reader = slowReader();
  let drained = 0;
  reader.sink.drain(1000, () => drained++);
  expect(drained).toBe(1);
  reader.take('a\n');
  reader.sink.drain(1000, () => drained++);
  reader.clock.advance(20);
  expect(drained).toBe(1);
  reader.takes();
  expect(drained).toBe(2);
  reader.take('b\n');
  reader.sink.drain(1000, () => drained++);
  reader.clock.advance(1000);
  expect(drained).toBe(3);
  reader.takes();
  expect(drained).toBe(3);
});

it('writes at once what is much, though it has not waited', () => {
  const reader = slowReader();
  for (let i = 0; i < 5; i++) reader.take('x'.repeat(64 * 1024));
  expect(reader.pending()).toBe(1);
  reader.clock.advance(20);
  expect(reader.pending()).toBe(1);
  reader.takes();
  reader.clock.advance(20);
  reader.takes();
  expect(reader.read().length).toBe(5 * 64 * 1024);
});

it('writes into the room that it has, as long as lines come, and holds none while none do', () => {
  const reader = slowReader();
  const rooms = new Set<object>();
  const line = 'x'.repeat(40_000);
  for (let i = 0; i < 20; i++) {
    reader.take(line);
    if (i > 1) rooms.add(reader.sink.begin().bytes);
    reader.clock.advance(20);
    // It is written before the next one comes.
    reader.takes();
  }
  expect(rooms.size).toBe(2);
  reader.clock.advance(20);
  expect(reader.sink.begin().bytes.length).toBe(0);
});
