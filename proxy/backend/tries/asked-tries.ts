import { trafficDurationMs } from '../../../lib/contract/durations.ts';
import { mostRetries, type RetryRule, type RuleTimeouts } from '../../model/tries.ts';
import { type Field, fieldValue } from '../../wire/field.ts';

/**
 * What a request asks for itself of its retries and timeouts, in fields that go no further, where its rule lets it
 * (linkerd/app/outbound/src/http/logical/policy/route/extensions.rs). What cannot be read is as if it were not there, and
 * of conditions those that are not known.
 */

/** Of the conditions of one field, as many are read: each is compared with each answer. */
const mostConditions = 64;

/** Where only the request says anything of retries. */
const unsaid: RetryRule = Object.freeze({
  maxRetries: 1,
  maxRequestBytes: 64 * 1024,
  statuses: [],
  grpcStatuses: new Set<number>(),
  tryTimeoutMs: undefined,
  backOff: { minMs: 25, maxMs: 250, jitter: 1 },
});

const none: RuleTimeouts = Object.freeze({ requestMs: undefined, responseMs: undefined, idleMs: undefined });

/** The retries of a request with `fields` whose rule has `rule`: undefined where neither says anything. */
export function askedRetry(rule: RetryRule | undefined, fields: readonly Field[]): RetryRule | undefined {
  const limit = wholeNumber(fieldValue(fields, 'l5d-retry-limit'));
  const http = conditions(fieldValue(fields, 'l5d-retry-http'), statusRange);
  const grpc = conditions(fieldValue(fields, 'l5d-retry-grpc'), grpcStatusNamed);
  const tryTimeoutMs = durationMs(fieldValue(fields, 'l5d-retry-timeout'));
  if (limit === undefined && http === undefined && grpc === undefined && tryTimeoutMs === undefined) return rule;
  const said = rule ?? unsaid;
  return {
    ...said,
    maxRetries: limit === undefined ? said.maxRetries : Math.min(limit, mostRetries),
    statuses: http ?? said.statuses,
    grpcStatuses: grpc === undefined ? said.grpcStatuses : new Set(grpc),
    tryTimeoutMs: tryTimeoutMs === undefined ? said.tryTimeoutMs : limitOf(tryTimeoutMs),
  };
}

/** The timeouts of a request with `fields` whose rule has `rule`: undefined where nothing is limited. */
export function askedTimeouts(rule: RuleTimeouts | undefined, fields: readonly Field[]): RuleTimeouts | undefined {
  const requestMs =
    durationMs(fieldValue(fields, 'l5d-request-timeout')) ?? durationMs(fieldValue(fields, 'l5d-timeout'));
  const responseMs = durationMs(fieldValue(fields, 'l5d-response-timeout'));
  if (requestMs === undefined && responseMs === undefined) return rule;
  const said = rule ?? none;
  return {
    requestMs: requestMs === undefined ? said.requestMs : limitOf(requestMs),
    responseMs: responseMs === undefined ? said.responseMs : limitOf(responseMs),
    idleMs: said.idleMs,
  };
}

/** No time at all means none is set, as in Gateway API (GEP-1742) and in annotations. */
const limitOf = (ms: number): number | undefined => (ms > 0 ? ms : undefined);

function durationMs(value: string | undefined): number | undefined {
  return value === undefined ? undefined : trafficDurationMs.read(value);
}

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** Those that are known, of a list with commas and nothing else between them; undefined without a list. */
function conditions<T>(value: string | undefined, read: (item: string) => T | undefined): T[] | undefined {
  return value
    ?.split(',', mostConditions)
    .map((item) => read(item.toLowerCase()))
    .filter((each) => each !== undefined);
}

function statusRange(item: string): readonly [number, number] | undefined {
  if (item === '5xx') return [500, 599];
  if (item === 'gateway-error') return [502, 504];
  const found = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(item);
  if (found === null) return undefined;
  const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
  return from <= to ? [from, to] : undefined;
}

function grpcStatusNamed(item: string): number | undefined {
  switch (item) {
    case 'cancelled':
      return 1;
    case 'deadline-exceeded':
      return 4;
    case 'resource-exhausted':
      return 8;
    case 'internal':
      return 13;
    case 'unavailable':
      return 14;
    default:
      return undefined;
  }
}
