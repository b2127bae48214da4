import { expect, test, vi } from 'vitest';
import { account, clientIdentity, inboundPolicies, type Policy, pod, policy, server, serverRef } from './testing.ts';

const { start, policyOf } = inboundPolicies();
const perSecond = (requestsPerSecond: number) => ({ requestsPerSecond });
const rateLimit = (name: string, spec: object, metadata: object = {}) =>
  policy('HTTPLocalRateLimitPolicy', name, { targetRef: serverRef, ...spec }, metadata);
/** What is served of a limit, whatever the protocol's field for it. */
const limitOf = ({ protocol }: Policy): unknown => {
  const [value] = Object.values(protocol) as { localRateLimit?: unknown; httpLocalRateLimit?: unknown }[];
  return value.localRateLimit ?? value.httpLocalRateLimit;
};
const totalOf = (seen: object | undefined): number | undefined =>
  (limitOf(seen as Policy) as { total?: { requestsPerSecond: number } } | undefined)?.total?.requestsPerSecond;

test.each(['unknown', 'HTTP/1', 'HTTP/2', 'gRPC'])(
  'a rate limit of a Server that speaks %s is served with its name, limits and clients',
  async (proxyProtocol) => {
    const limits = {
      total: perSecond(100),
      identity: perSecond(10),
      overrides: [
        { ...perSecond(20), clientRefs: [account, { kind: 'ServiceAccount', name: 'own' }] },
        { ...perSecond(30), clientRefs: [{ kind: 'ServiceAccount', name: 'third' }] },
      ],
    };
    const seen = await policyOf(8080, pod(), server('web', { proxyProtocol }), rateLimit('limit', limits));
    expect(limitOf(seen)).toEqual({
      metadata: { resource: { group: 'policy.linkerd.io', kind: 'HTTPLocalRateLimitPolicy', name: 'limit' } },
      total: perSecond(100),
      identity: perSecond(10),
      overrides: [
        {
          limit: perSecond(20),
          clients: {
            identities: [{ name: clientIdentity }, { name: 'own.shop.serviceaccount.identity.tulle.cluster.local' }],
          },
        },
        {
          limit: perSecond(30),
          clients: { identities: [{ name: 'third.shop.serviceaccount.identity.tulle.cluster.local' }] },
        },
      ],
    });
  },
);

test('of two policies for one Server the oldest holds, and the other once that is gone', async () => {
  const older = rateLimit('z', { total: perSecond(1) }, { creationTimestamp: '2026-01-01T00:00:00Z' });
  const newer = rateLimit('a', { total: perSecond(2) }, { creationTimestamp: '2026-01-02T00:00:00Z' });
  const world = await start(pod(), server('web'), newer, older);
  const { messages } = world.watchPort(8080);
  await vi.waitFor(() => expect(totalOf(messages.at(-1))).toBe(1));
  world.write(pod(), server('web'), newer);
  await vi.waitFor(() => expect(totalOf(messages.at(-1))).toBe(2), 3000);
  world.write(pod(), server('web'), rateLimit('a', { total: perSecond(3) }));
  await vi.waitFor(() => expect(totalOf(messages.at(-1))).toBe(3), 3000);
  world.write(pod(), server('web'));
  await vi.waitFor(() => expect(totalOf(messages.at(-1))).toBeUndefined(), 3000);
});

test('what is wrong in a policy takes nothing from the limits that can hold', async () => {
  const limits = {
    total: perSecond(5),
    identity: perSecond(10),
    overrides: [
      { ...perSecond(3), clientRefs: [{ kind: 'User', name: 'u' }, account] },
      { ...perSecond(4), clientRefs: [] },
    ],
  };
  expect(limitOf(await policyOf(8080, pod(), server('web'), rateLimit('limit', limits)))).toMatchObject({
    total: perSecond(5),
    identity: perSecond(10),
    overrides: [{ limit: perSecond(3), clients: { identities: [{ name: clientIdentity }] } }],
  });
});

test.each([
  ['of another Server', { targetRef: { ...serverRef, name: 'other' } }, {}],
  ['of something else by the same name', { targetRef: { kind: 'Service', name: 'web' } }, {}],
  ['of another namespace', {}, { namespace: 'other' }],
])('a policy %s is none of a Server', async (_, spec, metadata) => {
  const limit = rateLimit('limit', { total: perSecond(5), ...spec }, metadata);
  expect(limitOf(await policyOf(8080, pod(), server('web'), limit))).toBeUndefined();
});
