import { describe, expect, it } from 'vitest';
import type { RetryRule } from '../../model/tries.ts';
import { Field } from '../../wire/field.ts';
import { askedRetry, askedTimeouts } from './asked-tries.ts';

const fieldsOf = (values: Record<string, string>): Field[] =>
  Object.entries(values).map(([name, value]) => new Field(`l5d-${name}`, value));
const rule: RetryRule = {
  maxRetries: 3,
  maxRequestBytes: 1000,
  statuses: [[503, 503]],
  grpcStatuses: new Set([14]),
  tryTimeoutMs: 100,
  backOff: { minMs: 1, maxMs: 2, jitter: 0 },
};

describe('the retries that a request asks for', () => {
  it.each<[Record<string, string>, Partial<RetryRule>]>([
    [{ 'retry-limit': '7' }, { maxRetries: 7 }],
    [{ 'retry-limit': '0' }, { maxRetries: 0 }],
    [{ 'retry-limit': '999999999' }, { maxRetries: 100 }],
    [{ 'retry-timeout': '2s' }, { tryTimeoutMs: 2000 }],
    [{ 'retry-timeout': '0' }, { tryTimeoutMs: undefined }],
    [{ 'retry-http': '5xx' }, { statuses: [[500, 599]] }],
    [
      { 'retry-http': 'GATEWAY-ERROR,429,500-503' },
      {
        statuses: [
          [502, 504],
          [429, 429],
          [500, 503],
        ],
      },
    ],
    // Of a list, what is not known is left out, and what is left stands before the rule all the same.
    [{ 'retry-http': '429, 500,600,503-500,all' }, { statuses: [[429, 429]] }],
    [{ 'retry-http': '' }, { statuses: [] }],
    [{ 'retry-grpc': 'cancelled,Unavailable,ok' }, { grpcStatuses: new Set([1, 14]) }],
    [{ 'retry-grpc': 'deadline-exceeded,resource-exhausted,internal' }, { grpcStatuses: new Set([4, 8, 13]) }],
  ])('%j stand before those of the rule', (values, changed) => {
    expect(askedRetry(rule, fieldsOf(values))).toEqual({ ...rule, ...changed });
  });

  it.each(['-1', '1.5', 'many', '', '1e3', '9'.repeat(200)])('are those of the rule where the limit is %j', (limit) => {
    expect(askedRetry(rule, fieldsOf({ 'retry-limit': limit }))).toBe(rule);
  });

  it.each(['100', 'soon', '-1s', '1h30m', `${'9'.repeat(300)}s`])('wait as the rule says where it is %j', (timeout) => {
    expect(askedRetry(rule, fieldsOf({ 'retry-timeout': timeout }))).toBe(rule);
    expect(askedTimeouts(undefined, fieldsOf({ timeout, 'response-timeout': timeout }))).toBeUndefined();
  });

  it('are one, of a body of 64 KiB at most, where no rule says more', () => {
    expect(askedRetry(undefined, [])).toBeUndefined();
    const asked = askedRetry(undefined, fieldsOf({ 'retry-http': '503' }));
    expect(asked).toMatchObject({ maxRetries: 1, maxRequestBytes: 65_536, statuses: [[503, 503]] });
  });

  it('name so many conditions at most', () => {
    const statuses = askedRetry(rule, fieldsOf({ 'retry-http': '503,'.repeat(5000) }))?.statuses;
    expect(statuses).toHaveLength(64);
  });
});

describe('the timeouts that a request asks for', () => {
  const limits = { requestMs: 1000, responseMs: 500, idleMs: 300 };

  it.each([
    [{ timeout: '5s' }, { ...limits, requestMs: 5000 }],
    [
      { timeout: '5s', 'request-timeout': '7s' },
      { ...limits, requestMs: 7000 },
    ],
    [
      { timeout: '5s', 'request-timeout': 'soon' },
      { ...limits, requestMs: 5000 },
    ],
    [{ 'response-timeout': ' 20ms ' }, { ...limits, responseMs: 20 }],
    [{ timeout: '0' }, { ...limits, requestMs: undefined }],
    [{ 'response-timeout': '1d' }, { ...limits, responseMs: 86_400_000 }],
  ])('%j stand before those of the rule', (values, expected) => {
    expect(askedTimeouts(limits, fieldsOf(values as Record<string, string>))).toEqual(expected);
  });

  it('are those of the rule, where it asks for none', () => {
    expect(askedTimeouts(limits, [])).toBe(limits);
    expect(askedTimeouts(undefined, fieldsOf({ timeout: '1s' }))).toMatchObject({ requestMs: 1000 });
  });
});
