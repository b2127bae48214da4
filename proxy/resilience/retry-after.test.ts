import { expect, it } from 'vitest';
import { pushbackMs, retryAfterMs } from './retry-after.ts';

const nowMs = Date.UTC(1994, 10, 6, 8, 49, 0);

it.each([
  ['120', 120_000],
  ['0', 0],
  [' 7 ', 7000],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
  ['Sun Nov  6 08:49:37 1994', 37_000],
  ['Sun Nov 16 08:49:00 1994', 864_000_000],
  ['Sat, 05 Nov 1994 08:49:37 GMT', 0],
  ['Sunday, 06-Nov-26 08:49:00 GMT', Date.UTC(2026, 10, 6, 8, 49) - nowMs],
  ['99999999999999999999', 1e23],
  ['', undefined],
  ['soon', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['Sun, 06 Foo 1994 08:49:37 GMT', undefined],
  ['Sun, 06 Nov 1994 28:49:37 GMT', undefined],
  ['Sun, 06 Nov 1994 08:49:37 CET', undefined],
  [`${'1'.repeat(65)}`, undefined],
])('Retry-After %j asks for %j ms', (value, expected) => {
  expect(retryAfterMs(value, nowMs)).toBe(expected);
});

it.each([
  ['250', 250],
  [' 0 ', 0],
  ['-1', undefined],
  ['1s', undefined],
  ['', undefined],
  [`${'1'.repeat(65)}`, undefined],
])('a pushback of %j asks for %j ms', (value, expected) => {
  expect(pushbackMs(value)).toBe(expected);
});
