import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SendQueue } from './send-queue.ts';

it('gives back the bytes that were pushed, however they were cut and taken', () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ minLength: 1, maxLength: 9000 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 9000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new SendQueue();
      const pushed: Uint8Array[] = [];
      const taken: Uint8Array[] = [];
      const take = (most: number) => {
        const part = queue.peek().slice(0, most);
        taken.push(part);
        queue.drop(part.length);
      };
      for (const each of steps) {
        if ('push' in each) {
          pushed.push(each.push);
          queue.push(each.push);
        } else if (!queue.empty) take(each.take);
      }
      while (!queue.empty) take(1 << 20);
      expect(Buffer.concat(taken).equals(Buffer.concat(pushed))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

it('keeps many single bytes in few blocks', () => {
  const queue = new SendQueue();
  for (let i = 0; i < 4096; i++) queue.push(Uint8Array.of(i));
  expect(queue.atLast).toBe(true);
  expect(queue.peek().length).toBe(4096);
});
