import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type HttpLocalRateLimitSchema, ProxyProtocolSchema } from '../../../api/gen/inbound_pb.js';
import { type RateLimitPolicy, rateLimitFromApi } from './rate-limit-policy.ts';
import { RateMeters } from './rate-meters.ts';

type Limits = MessageInitShape<typeof HttpLocalRateLimitSchema>;
const read = (limits: Limits, processes = 1): RateLimitPolicy | undefined =>
  rateLimitFromApi(
    create(ProxyProtocolSchema, { kind: { case: 'http2', value: { localRateLimit: limits } } }).kind,
    processes,
  );
const perSecond = (requestsPerSecond: number) => ({ requestsPerSecond });
const override = (requestsPerSecond: number, ...names: string[]) => ({
  limit: perSecond(requestsPerSecond),
  clients: { identities: names.map((name) => ({ name })) },
});

/** How many of `requests` at one time pass, and why the first of the others does not. */
function burst(meters: RateMeters, limits: Limits, identity: string | undefined, requests: number, nowMs = 0) {
  let passed = 0;
  let why: string | undefined;
  const policy = read(limits)!;
  for (let i = 0; i < requests; i++) {
    const excess = meters.take(policy, identity, nowMs);
    if (excess === undefined) passed++;
    else why ??= `${excess.scope} ${excess.limit.written}`;
  }
  return [passed, why];
}

test('each identity has a limit of its own, and clients without one share it', () => {
  const meters = new RateMeters();
  const limits = { identity: perSecond(5) };
  expect(burst(meters, limits, 'a', 7)).toEqual([5, 'identity 5']);
  expect(burst(meters, limits, 'b', 7)).toEqual([5, 'identity 5']);
  expect(burst(meters, limits, undefined, 3)).toEqual([3, undefined]);
  expect(burst(meters, limits, undefined, 3)).toEqual([2, 'identity 5']);
});

test('the total holds for all, and a client that is refused for its own sake uses up nothing of it', () => {
  const meters = new RateMeters();
  const limits = { total: perSecond(10), identity: perSecond(5), overrides: [override(8, 'c')] };
  expect(burst(meters, limits, 'a', 1000)).toEqual([5, 'identity 5']);
  expect(burst(meters, limits, 'b', 3)).toEqual([3, undefined]);
  expect(burst(meters, limits, 'c', 3)).toEqual([2, 'total 10']);
  expect(burst(meters, limits, undefined, 1, 100)).toEqual([1, undefined]);
});

test('an override holds instead of the limit of identities, and its clients share it', () => {
  const meters = new RateMeters();
  const limits = { identity: perSecond(2), overrides: [override(6, 'a', 'b'), override(1, 'c')] };
  expect(burst(meters, limits, 'a', 4)).toEqual([4, undefined]);
  expect(burst(meters, limits, 'b', 4)).toEqual([2, 'override 6']);
  expect(burst(meters, limits, 'c', 4)).toEqual([1, 'override 1']);
  expect(burst(meters, limits, 'd', 4)).toEqual([2, 'identity 2']);
  expect(burst(meters, { overrides: [override(1, 'c')] }, 'd', 4)).toEqual([4, undefined]);
});

test('another policy, and the same one said again, find what has passed before', () => {
  const meters = new RateMeters();
  const limits = { total: perSecond(4), identity: perSecond(3), overrides: [override(1, 'b')] };
  expect(burst(meters, limits, 'a', 3)).toEqual([3, undefined]);
  expect(burst(meters, limits, 'b', 1)).toEqual([1, undefined]);
  expect(burst(meters, { ...limits, total: perSecond(40) }, 'a', 1)).toEqual([0, 'identity 3']);
  expect(burst(meters, { ...limits, total: perSecond(40) }, 'b', 1)).toEqual([0, 'override 1']);
  expect(burst(meters, { total: perSecond(5) }, 'a', 2)).toEqual([1, 'total 5']);
});

test('there are no more meters than the bound, those that have forgotten all go first, and the rest share one', () => {
  const meters = new RateMeters(3);
  const limits = { identity: perSecond(2) };
  for (const identity of ['a', 'b', 'c']) burst(meters, limits, identity, 2);
  expect([burst(meters, limits, 'd', 1), burst(meters, limits, 'e', 2)]).toEqual([
    [1, undefined],
    [1, 'identity 2'],
  ]);
  // Those who were there before are still counted by themselves.
  expect(burst(meters, limits, 'a', 1, 500)).toEqual([1, undefined]);
  expect(burst(meters, limits, 'a', 1, 1000)).toEqual([1, undefined]);
  expect(burst(meters, limits, 'f', 2, 1200)).toEqual([2, undefined]);
  expect(meters.size).toBe(2);
  for (let i = 0; i < 10_000; i++) burst(meters, limits, `x${i}`, 1, 1300 + i / 100);
  expect(meters.size).toBe(3);
});

test.each([
  ['nothing is said', {}],
  ['no requests per second are said', { total: perSecond(0), overrides: [override(0, 'a')] }],
])('there is no limit where %s', (_, limits) => {
  expect(read(limits)).toBeUndefined();
});

test('the total is shared out among the processes of a proxy, the limits of a client are not', () => {
  const limits = { total: perSecond(10), identity: perSecond(6), overrides: [override(8, 'a')] };
  const policy = read(limits, 4)!;
  expect(policy.total).toEqual({ perSecond: 2.5, burst: 2.5, written: 10 });
  expect(policy.perIdentity).toEqual({ perSecond: 6, burst: 6, written: 6 });
  expect(policy.overrides.get('a')?.limit.perSecond).toBe(8);
  // A process that may let through less than one in a second may let through one all the same.
  expect(read({ total: perSecond(1) }, 4)?.total).toMatchObject({ perSecond: 0.25, burst: 1 });
});

test.each([
  ['detect', { httpLocalRateLimit: { total: perSecond(3) } }],
  ['http1', { localRateLimit: { total: perSecond(3) } }],
  ['http2', { localRateLimit: { total: perSecond(3) } }],
  ['grpc', { localRateLimit: { total: perSecond(3) } }],
] as const)('it is read of a port that speaks %s', (protocol, value) => {
  const { kind } = create(ProxyProtocolSchema, { kind: { case: protocol, value } as never });
  expect(rateLimitFromApi(kind, 1)?.total?.written).toBe(3);
});
