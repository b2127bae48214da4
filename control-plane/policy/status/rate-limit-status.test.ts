import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { KubernetesApi } from '../../kubernetes/api.ts';
import { ObjectStore } from '../../sources/object-store.ts';
import { PolicyIndex } from '../index/policy-index.ts';
import { rateLimitStatus } from './rate-limit-status.ts';
import { StatusWriter } from './status-writer.ts';

const group = 'policy.linkerd.io';
const server = {
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { podSelector: {}, port: 80 },
};
const targetRef = { group, kind: 'Server', name: 'web' };
const rateLimit = (name: string, spec: object = {}, day = 1, status?: object) => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'HTTPLocalRateLimitPolicy',
  metadata: { name, namespace: 'shop', creationTimestamp: `2026-01-0${day}T00:00:00Z` },
  spec: { targetRef, total: { requestsPerSecond: 1 }, ...spec },
  status,
});
const now = new Date('2026-05-05T05:05:05.555Z');

let store: ObjectStore;
let index: PolicyIndex;
beforeEach(() => {
  store = new ObjectStore();
  const source = {
    watch: store.watch.bind(store) as ObjectStore['watch'],
    synced: Promise.resolve(),
    close: () => {},
  };
  index = new PolicyIndex(source, () => {});
});
afterEach(() => index.close());

const put = (...objects: object[]) => {
  for (const object of objects) store.put(object as KubernetesObject);
};
const statusOf = (name: string) => {
  const found = [...index.rateLimits.all()].find(({ metadata }) => metadata.name === name);
  return rateLimitStatus(found as HttpLocalRateLimitPolicy, index, now);
};
const told = (name: string) =>
  statusOf(name)?.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]);

test('a rate limit of a Server that is there is accepted, and says when and of what', () => {
  put(server, rateLimit('limit'));
  expect(statusOf('limit')).toEqual({
    conditions: [
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', lastTransitionTime: '2026-05-05T05:05:05Z' },
    ],
    targetRef,
  });
});

test('the younger of two for one Server is told that the other holds, and by what name', () => {
  put(server, rateLimit('a', {}, 2), rateLimit('z', {}, 1));
  expect(told('z')).toEqual([['Accepted', 'True', 'Accepted', '']]);
  expect(told('a')).toEqual([
    ['Accepted', 'False', 'RateLimitReasonAlreadyExists', 'the older policy z holds for the Server web'],
  ]);
});

test.each([
  [
    'a Server that is not there',
    { targetRef: { ...targetRef, name: 'gone' } },
    ['NoMatchingTarget', "there is no Server gone in the policy's namespace"],
  ],
  [
    'something that is no Server',
    { targetRef: { kind: 'Service', name: 'web' } },
    ['InvalidKind', 'spec.targetRef must name a Server of policy.linkerd.io'],
  ],
])('one of %s is told so', (_, spec, expected) => {
  put(server, rateLimit('limit', spec));
  expect(told('limit')).toEqual([['Accepted', 'False', ...expected]]);
});

test('a status that is right is left alone', () => {
  put(server, rateLimit('limit'));
  put(rateLimit('limit', {}, 1, statusOf('limit')));
  expect(statusOf('limit')).toBeUndefined();
  store.delete(server as KubernetesObject);
  expect(told('limit')?.[0][2]).toBe('NoMatchingTarget');
});

test('it is written when it changes, with the version of the object that it was made for', async () => {
  const patches: { path: string; body: unknown }[] = [];
  const refuse = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const patch = <T>(path: string, body: unknown): Promise<T> => {
    patches.push({ path, body });
    return Promise.resolve({} as T);
  };
  const api: KubernetesApi = { get: refuse, create: refuse, replace: refuse, delete: refuse, patch };
  const writer = new StatusWriter({ index, clusterNetworks: [], api, log: pino({ level: 'silent' }), now: () => now });
  const limit = rateLimit('limit');
  put({ ...limit, metadata: { ...limit.metadata, resourceVersion: '7' } });
  writer.start();
  await vi.waitFor(() => expect(patches).toHaveLength(1));
  put(server);
  await vi.waitFor(() => expect(patches).toHaveLength(2));
  await writer.stop();
  const path = '/apis/policy.linkerd.io/v1alpha1/namespaces/shop/httplocalratelimitpolicies/limit/status';
  expect(patches.map((each) => each.path)).toEqual([path, path]);
  expect(patches.map(({ body }) => body)).toMatchObject([
    { metadata: { resourceVersion: '7' }, status: { conditions: [{ reason: 'NoMatchingTarget' }] } },
    { metadata: { resourceVersion: '7' }, status: { conditions: [{ reason: 'Accepted' }], targetRef } },
  ]);
});
