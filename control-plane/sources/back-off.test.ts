import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs } from './back-off.ts';

const backOff = { firstMs: 250, maxMs: 30_000 };

test('waits double from failure to failure, up to their bound', () => {
  const full = [1, 2, 3, 4, 8, 9, 10_000].map((failures) => backOffMs(backOff, failures, () => 1));
  expect(full).toEqual([250, 500, 1000, 2000, 30_000, 30_000, 30_000]);
  expect(backOffMs(backOff, 3, () => 0)).toBe(500);
});

test('nobody comes back sooner than the server asked, nor all at once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.integer({ min: 1, max: 600_000 }),
      (failures, random, retryAfterMs) => {
        const waitMs = backOffMs(backOff, failures, () => random, retryAfterMs);
        expect(waitMs).toBeGreaterThanOrEqual(retryAfterMs);
        expect(waitMs).toBeLessThanOrEqual(Math.max(30_000, retryAfterMs * 1.2));
      },
    ),
  );
});
