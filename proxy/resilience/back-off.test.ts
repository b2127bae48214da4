import { expect, test } from 'vitest';
import { BackOff } from './back-off.ts';

test('delays double up to the limit and begin anew after a reset', () => {
  const backOff = new BackOff(100, 500, 0.5, () => 0);
  expect([1, 2, 3, 4, 5].map(() => backOff.delayMs())).toEqual([100, 200, 400, 500, 500]);
  backOff.reset();
  expect(backOff.delayMs()).toBe(100);
});

test('jitter lengthens a delay by its share at most', () => {
  expect(new BackOff(100, 500, 0.5, () => 0.999999).delayMs()).toBeCloseTo(150, 1);
});
