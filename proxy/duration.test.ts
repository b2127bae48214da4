import { expect, it } from 'vitest';
import { parseDurationMs } from './duration.ts';

it.each([
  ['100ms', 100],
  ['3s', 3000],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['8760h', 31_536_000_000],
  [' 3s\t', 3000],
  ['0', 0],
  ['0s', 0],
] as const)('%j is %i ms', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});

it.each(['', '1', '1.5s', '1 ms', '-1s', '12y', '1h30m', '123456789012345678901234567890ms', '999999999999d'])(
  '%j is none',
  (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  },
);
