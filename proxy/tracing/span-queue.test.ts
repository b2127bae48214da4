import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Span } from '../telemetry/trace/span.ts';
import type { SpanFormat } from '../telemetry/trace/span-format.ts';
import { maxQueuedSpans, SpanQueue } from './span-queue.ts';

/** Writes of a span its name, and something before and behind a batch. */
const format: SpanFormat = {
  frontBytes: 3,
  attributes: () => new Uint8Array(0),
  encode: (out, { name }) => out.append(Buffer.from(name, 'latin1')),
  batch: (out) => {
    out.bytes.set([7, 7, 7]);
    return out.bytes.subarray(0, out.length);
  },
};
const spanWith = (bytes: Uint8Array) => ({ name: Buffer.from(bytes).toString('latin1') }) as Span;

/** A span of `length` bytes that says which one it is. */
function spanOf(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number & 255);
  bytes[0] = number >> 8;
  return bytes;
}

it('gives back each span once, in order, whatever is sent again and however buffers are used again', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 700 }), length: fc.constantFrom(2, 600, 3000) }),
      fc.constantFrom('send' as const, 'fail' as const),
    ),
    { maxLength: 25 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const queue = new SpanQueue(format);
      const waiting: Uint8Array[] = [];
      let made = 0;
      for (const step of list) {
        if (typeof step === 'object') {
          for (let i = 0; i < step.add; i++) {
            const span = spanOf(made++, step.length);
            if (queue.add(spanWith(span))) waiting.push(span);
          }
        } else if (queue.count > 0) {
          const { count, bytes } = queue.first();
          const spans = bytes.subarray(3);
          expect(Buffer.from(spans).equals(Buffer.concat(waiting.slice(0, count)))).toBe(true);
          expect([count <= 512, spans.length <= 512 * 1024]).toEqual([true, true]);
          // What comes meanwhile stands behind it.
          const span = spanOf(made++, 600);
          if (queue.add(spanWith(span))) waiting.push(span);
          if (step === 'fail') queue.keep();
          else {
            queue.remove();
            waiting.splice(0, count);
          }
        }
        expect(queue.count).toBe(waiting.length);
        expect(queue.count).toBeLessThanOrEqual(maxQueuedSpans);
        expect(waiting.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(2 * 1024 * 1024);
      }
    }),
    { numRuns: 40 },
  );
});

it('writes a batch where the last one stood, until it is told that none is to be expected', () => {
  const queue = new SpanQueue(format);
  const rooms: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    if (i === 3) queue.rest();
    for (let number = 0; number < 200; number++) queue.add(spanWith(spanOf(number, 600)));
    rooms.push(queue.first().bytes.buffer);
    queue.remove();
  }
  expect([rooms[1] === rooms[0], rooms[2] === rooms[0], rooms[3] === rooms[0]]).toEqual([true, true, false]);
});
