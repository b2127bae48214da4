import { expect, it } from 'vitest';
import { grpcRetryConditions } from '../contract/grpc-statuses.ts';
import { trafficSettings } from '../contract/traffic-annotations.ts';
import { RetryOn } from './retry-on.ts';

const read = (on: RetryOn) => {
  const problems: string[] = [];
  const { httpRetry, grpcRetry } = trafficSettings(on._annotations(), (name) => problems.push(name));
  expect(problems).toEqual([]);
  return { http: httpRetry?.conditions?.map(({ start, end }) => `${start}-${end}`), grpc: grpcRetry?.conditions };
};

it.each([
  [RetryOn.serverError(), { http: ['500-599'] }],
  [RetryOn.gatewayError(), { http: ['502-504'] }],
  [RetryOn.status(502, 503), { http: ['502-502', '503-503'] }],
  [RetryOn.statusRange(500, 504), { http: ['500-504'] }],
  [RetryOn.grpc(...grpcRetryConditions), { grpc: [...grpcRetryConditions] }],
  [RetryOn.serverError().or(RetryOn.grpc('unavailable')), { http: ['500-599'], grpc: ['unavailable'] }],
  [RetryOn.status(503).or(RetryOn.status(503, 429)), { http: ['503-503', '429-429'] }],
])('%o is what the control plane reads', (on, expected) => {
  expect(read(on)).toEqual({ http: undefined, grpc: undefined, ...expected });
});

it.each([
  [() => RetryOn.status(), "'status' () must name a status: RetryOn.status(502, 503)"],
  [() => RetryOn.status(600), "'status' (600) must be a status of HTTP from 100 to 599: 503 is 'Service Unavailable'"],
  [
    () => RetryOn.status(Number.NaN),
    "'status' (NaN) must be a status of HTTP from 100 to 599: 503 is 'Service Unavailable'",
  ],
  [() => RetryOn.statusRange(504, 500), "'first' (504) must not be above 'last' (500): turn them round"],
  [() => RetryOn.grpc(), "'grpc' () must name a status: RetryOn.grpc('unavailable')"],
  [
    () => RetryOn.grpc('unknown' as never),
    "'grpc' (unknown) must be one of cancelled, deadline-exceeded, internal, resource-exhausted, unavailable",
  ],
])('%s is refused', (make, message) => {
  expect(make).toThrow(new Error(message));
});
