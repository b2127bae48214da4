import { expect, test } from 'vitest';
import type { ClientInfo } from '../../model/client-info.ts';
import { IpNetwork, parseIp } from '../../wire/ip-network.ts';
import { defaultLabels } from '../labels.ts';
import { authorize, inOrder } from './authorize.ts';
import { defaultServerPolicy } from './default-policy.ts';
import type { Authorization } from './server-policy.ts';

const options = {
  clusterNetworks: [IpNetwork.parse('10.0.0.0/8')!],
  detectTimeoutMs: 10_000,
  opaque: false,
  requireIdentity: false,
  requireTls: false,
};
const plainInside: ClientInfo = { address: parseIp('10.1.1.1')!, tls: false, identity: undefined };
const plainOutside: ClientInfo = { ...plainInside, address: parseIp('192.0.2.1')! };
const tlsOnly: ClientInfo = { ...plainInside, tls: true };
const meshed: ClientInfo = {
  ...plainInside,
  tls: true,
  identity: 'web.shop.serviceaccount.identity.tulle.cluster.local',
};
const meshedOutside: ClientInfo = { ...meshed, address: parseIp('192.0.2.1')! };

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
    audit: false,
  };
  const allowed = (identity: string, address = '10.1.1.1') =>
    authorize([allow], { address: parseIp(address)!, tls: true, identity }) !== undefined;
  expect(allowed('a.shop.local')).toBe(true);
  expect(allowed('b.shop.local')).toBe(false);
  expect(allowed('x.trusted.local')).toBe(true);
  expect(allowed('nottrusted.local')).toBe(false);
  expect(allowed('a.shop.local', '10.9.1.1')).toBe(false);
  expect(allowed('spiffe://trust/x.trusted.local')).toBe(false);
});

test('an authorization that only audits is asked last, so that it is counted for those that nothing else lets in', () => {
  const allow = (name: string, audit = false): Authorization => ({
    networks: [],
    authentication: { kind: 'unauthenticated' },
    labels: defaultLabels(name),
    audit,
  });
  const order = inOrder([allow('audit', true), allow('server')], [allow('route')]);
  expect(order.map(({ labels }) => labels.name)).toEqual(['server', 'route', 'audit']);
});
