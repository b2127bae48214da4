import { expect, it } from 'vitest';
import { fromStatus } from './status-error.ts';

const told = (retryAfterSeconds: unknown): number | undefined =>
  fromStatus('GET /api', { code: 429, details: { retryAfterSeconds: retryAfterSeconds as number } }).retryAfterMs;

it('a server that asks for time is given it, up to an hour: what overflows a timer is no wait at all', () => {
  expect(told(5)).toBe(5000);
  expect(told(10 ** 9)).toBe(3_600_000);
  expect(told(Number.POSITIVE_INFINITY)).toBe(3_600_000);
});

it('what is no time is none', () => {
  for (const seconds of [undefined, 0, -1, Number.NaN, 'soon']) expect(told(seconds)).toBeUndefined();
});
