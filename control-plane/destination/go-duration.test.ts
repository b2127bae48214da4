import { expect, it } from 'vitest';
import { parseGoDuration } from './go-duration.ts';

it.each([
  ['0', 0],
  ['300ms', 300],
  ['1.5h', 5_400_000],
  ['1m30s', 90_000],
  ['.5s', 500],
  ['+2µs', 0.002],
])('%s is %d ms', (text, ms) => {
  expect(parseGoDuration(text)).toBeCloseTo(ms);
});

it.each(['', '5', '-1s', '1d', '1 s', 's', '.s', '1s1'])('%j is no duration', (text) => {
  expect(parseGoDuration(text)).toBeUndefined();
});
