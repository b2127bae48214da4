import { expect, test } from 'vitest';
import { IpNetwork, parseIp } from '../wire/ip-network.ts';
import { authorize, type Client, matchRoute } from './authorize.ts';
import { defaultLabels, defaultServerPolicy } from './default-policy.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from './server-policy.ts';

const options = {
  clusterNetworks: [IpNetwork.parse('10.0.0.0/8')!],
  detectTimeoutMs: 10_000,
  opaque: false,
  requireIdentity: false,
};
const plainInside: Client = { address: parseIp('10.1.1.1')!, tls: false, identity: undefined };
const plainOutside: Client = { ...plainInside, address: parseIp('192.0.2.1')! };
const tlsOnly: Client = { ...plainInside, tls: true };
const meshed: Client = { ...plainInside, tls: true, identity: 'web.shop.serviceaccount.identity.tulle.cluster.local' };
const meshedOutside: Client = { ...meshed, address: parseIp('192.0.2.1')! };

test.each([
  ['all-unauthenticated', [true, true, true, true, true]],
  ['all-authenticated', [false, false, false, true, true]],
  ['cluster-unauthenticated', [true, false, true, true, false]],
  ['cluster-authenticated', [false, false, false, true, false]],
  ['all-tls-unauthenticated', [false, false, true, true, true]],
  ['audit', [true, true, true, true, true]],
  ['deny', [false, false, false, false, false]],
] as const)('%s lets in those it should', (policy, expected) => {
  const { authorizations } = defaultServerPolicy(policy, options);
  const clients = [plainInside, plainOutside, tlsOnly, meshed, meshedOutside];
  expect(clients.map((client) => authorize(authorizations, client) !== undefined)).toEqual(expected);
});

test('a port that requires identity takes no plain client under a lenient policy', () => {
  const { authorizations } = defaultServerPolicy('all-unauthenticated', { ...options, requireIdentity: true });
  expect([plainInside, tlsOnly, meshed].map((client) => authorize(authorizations, client) !== undefined)).toEqual([
    false,
    false,
    true,
  ]);
});

test('identities match by name or by suffix, and networks have holes', () => {
  const allow: Authorization = {
    networks: [{ network: IpNetwork.parse('10.0.0.0/8')!, except: [IpNetwork.parse('10.9.0.0/16')!] }],
    authentication: { kind: 'identities', names: new Set(['a.shop.local']), suffixes: ['.trusted.local'] },
    labels: defaultLabels('test'),
  };
  const allowed = (identity: string, address = '10.1.1.1') =>
    authorize([allow], { address: parseIp(address)!, tls: true, identity }) !== undefined;
  expect(allowed('a.shop.local')).toBe(true);
  expect(allowed('b.shop.local')).toBe(false);
  expect(allowed('x.trusted.local')).toBe(true);
  expect(allowed('nottrusted.local')).toBe(false);
  expect(allowed('a.shop.local', '10.9.1.1')).toBe(false);
});

const route = (name: string, ...matches: RoutePolicy['matches']): RoutePolicy => ({
  labels: defaultLabels(name),
  matches,
  authorizations: [],
});
const policy: ServerPolicy = {
  ...defaultServerPolicy('deny', options),
  routes: [
    route('all', { path: undefined, method: undefined }),
    route('api', { path: { kind: 'prefix', value: '/api' }, method: undefined }),
    route('api-v1', { path: { kind: 'prefix', value: '/api/v1/' }, method: undefined }),
    route('probe', { path: { kind: 'exact', value: '/live' }, method: 'GET' }),
    route('numbers', { path: { kind: 'regex', value: /^\/\d+$/ }, method: undefined }),
    route('post-api', { path: { kind: 'prefix', value: '/api' }, method: 'POST' }),
  ],
};

test.each([
  ['GET', '/', 'all'],
  ['GET', '/api', 'api'],
  ['GET', '/apis', 'all'],
  ['GET', '/api/x?y=/api/v1/', 'api'],
  ['GET', '/api/v1/x', 'api-v1'],
  ['POST', '/api/x', 'post-api'],
  ['GET', '/live?verbose', 'probe'],
  ['POST', '/live', 'all'],
  ['GET', '/42', 'numbers'],
])('%s %s goes by route %s', (method, path, name) => expect(matchRoute(policy, method, path)?.labels.name).toBe(name));
