import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantile } from './histogram.ts';

describe('quantile', () => {
  const buckets = new Map([
    [1, 0],
    [2, 50],
    [4, 100],
    [Number.POSITIVE_INFINITY, 100],
  ]);

  it('interpolates within its bucket', () => {
    expect(quantile(buckets, 0)).toBe(1);
    expect(quantile(buckets, 0.25)).toBe(1.5);
    expect(quantile(buckets, 0.5)).toBe(2);
    expect(quantile(buckets, 0.75)).toBe(3);
  });

  it('is unknown without observations, and the last bound for what lies above', () => {
    expect(quantile(new Map(), 0.5)).toBeUndefined();
    expect(quantile(new Map([[1, 0], [Number.POSITIVE_INFINITY, 9]]), 0.5)).toBe(1); // biome-ignore format: a histogram
  });

  it('rises with q', () => {
    const histogram = fc.array(fc.nat(100), { minLength: 1, maxLength: 8 }).map((counts) => {
      let sum = 0;
      return new Map(
        counts.map((count, index) => {
          sum += count;
          return [2 ** index, sum];
        }),
      );
    });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(histogram, share, share, (some, a, b) => {
        const [low, high] = [quantile(some, Math.min(a, b)), quantile(some, Math.max(a, b))];
        return low === undefined || (high as number) >= low;
      }),
    );
  });
});
