import { expect, it } from 'vitest';
import { fromStatus, statusError } from './status-error.ts';

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

const message = (body: string, statusCode = 502): string =>
  statusError('GET /api', { statusCode, headers: {} }, body).message;

it('what was said is one line that moves no cursor, whoever has sent it', () => {
  expect(message(JSON.stringify({ message: 'etcd is \u001b[31maway\n\u0007', reason: 'In\tternal' }))).toBe(
    'GET /api: 502 In ternal etcd is [31maway',
  );
  expect(message('not\r\nyet\u202e', 500)).toBe('GET /api: 500 not yet');
  expect(message(JSON.stringify({ message: { no: 'text' }, reason: null }))).toBe('GET /api: 502 [object Object]');
});

it('what was said is bounded', () => {
  expect(message('x'.repeat(100_000)).length).toBeLessThan(400);
  expect(message(JSON.stringify({ message: 'x'.repeat(100_000) })).length).toBeLessThan(2100);
});

it('of a page the words are told that a browser shows', () => {
  const page = '<!DOCTYPE html>\n<html><head><style>h1 { color: red }</style></head>\n<body><h1>502 Bad\nGateway</h1>';
  expect(message(page)).toBe('GET /api: 502 an HTML page, as no API server sends one: 502 Bad Gateway');
});
