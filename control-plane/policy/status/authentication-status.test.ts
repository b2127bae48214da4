import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import { Topics } from '../../cluster/topics.ts';
import { ObjectStore } from '../../sources/object-store.ts';
import { PolicyIndex } from '../index/policy-index.ts';
import { authenticationStatus } from './authentication-status.ts';
import { toldObjects } from './told-objects.ts';

const group = 'policy.linkerd.io';
const metadata = (name: string) => ({ name, namespace: 'shop' });
const server = (spec: object = {}) => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: metadata('web'),
  spec: { podSelector: {}, port: 80, ...spec },
});
const route = {
  apiVersion: `${group}/v1beta3`,
  kind: 'HTTPRoute',
  metadata: metadata('r'),
  spec: { parentRefs: [{ group, kind: 'Server', name: 'web' }] },
};
const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const jwks = JSON.stringify({ keys: [jwk] });
const rule = { issuer: 'https://issuer.test', jwks };
const users = (spec: object = {}, status?: object) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'RequestAuthentication',
  metadata: metadata('users'),
  spec: { targetRef: { group, kind: 'Server', name: 'web' }, jwtRules: [rule], ...spec },
  status,
});
const now = new Date('2026-05-05T05:05:05.555Z');

let store: ObjectStore;
let index: PolicyIndex;
/** What is known of each URL. */
let keys: Record<string, { jwks: string; problem: string | undefined }>;
beforeEach(() => {
  store = new ObjectStore();
  keys = {};
  const watch = store.watch.bind(store) as ObjectStore['watch'];
  index = new PolicyIndex({ watch, synced: Promise.resolve(), close: () => {} }, () => {}, new Topics(), {
    follow: () => {},
    of: (url) => keys[url] ?? { jwks: '', problem: undefined },
  });
});
afterEach(() => index.close());

const put = (...objects: object[]) => {
  for (const object of objects) store.put(object as KubernetesObject);
};
const status = () => authenticationStatus([...index.authentications.all()][0], index, now);
const told = () => status()?.conditions.map(({ status: is, reason, message }) => [is, reason, message])[0];

it('one that holds is accepted, and says so once', () => {
  put(server(), users());
  expect(told()).toEqual(['True', 'Accepted', '']);
  expect(toldObjects(index, []).map(({ kind }) => kind)).toContain('RequestAuthentication');
  put(users({}, status()));
  expect(status()).toBeUndefined();
});

it.each([
  ['keys that cannot be read', { jwtRules: [{ ...rule, jwks: '{' }] }, 'Invalid', 'spec.jwtRules[0].jwks must be JSON'],
  [
    'a Server that is not there',
    { targetRef: { group, kind: 'Server', name: 'x' } },
    'NoMatchingTarget',
    "there is no Server x in the object's namespace",
  ],
  [
    'a route that is not there',
    { targetRef: { group, kind: 'HTTPRoute', name: 'x' } },
    'NoMatchingTarget',
    "there is no HTTPRoute x in the object's namespace",
  ],
  [
    'a route of another group',
    { targetRef: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'r' } },
    'NoMatchingTarget',
    "there is no HTTPRoute r in the object's namespace",
  ],
])('one with %s is not', (_, spec, reason, message) => {
  put(server(), route, users(spec));
  expect(told()).toEqual(['False', reason, message]);
});

it('one of a route or a namespace is accepted', () => {
  put(route, users({ targetRef: { group, kind: 'HTTPRoute', name: 'r' } }));
  expect(told()?.[1]).toBe('Accepted');
  put(users({ targetRef: { kind: 'Namespace', name: 'shop' } }));
  expect(told()?.[1]).toBe('Accepted');
});

it.each(['opaque', 'TLS'])('one of a Server that speaks %s is not', (proxyProtocol) => {
  put(server({ proxyProtocol }), users());
  expect(told()?.slice(0, 2)).toEqual(['False', 'NotHTTP']);
});

it('keys that are fetched are told of: pending, failed, in use though the last fetch failed', () => {
  const jwksUri = 'https://issuer.test/keys';
  put(server(), users({ jwtRules: [{ issuer: rule.issuer, jwksUri }] }));
  expect(told()?.slice(0, 2)).toEqual(['Unknown', 'KeysPending']);
  keys[jwksUri] = { jwks: '', problem: 'cannot be fetched' };
  expect(told()).toEqual(['False', 'KeysNotFetched', `${jwksUri} cannot be fetched`]);
  keys[jwksUri] = { jwks, problem: 'cannot be fetched' };
  expect(told()).toEqual(['True', 'Accepted', `${jwksUri} cannot be fetched`]);
  keys[jwksUri] = { jwks, problem: undefined };
  expect(told()).toEqual(['True', 'Accepted', '']);
});

it('keys of one target have a bound, beyond which it is shut', () => {
  const urls = Array.from({ length: 9 }, (_, i) => `https://issuer.test/${i}`);
  for (const url of urls) keys[url] = { jwks: 'x'.repeat(60_000), problem: undefined };
  const jwtRules = urls.map((jwksUri) => ({ issuer: rule.issuer, jwksUri }));
  put(server(), users({ jwtRules: jwtRules.slice(1) }));
  expect(told()?.[1]).toBe('Accepted');
  put(users({ jwtRules }));
  expect(told()?.slice(0, 2)).toEqual(['False', 'TooManyKeys']);
});
