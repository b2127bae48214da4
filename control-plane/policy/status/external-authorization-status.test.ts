import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import { ObjectStore } from '../../sources/object-store.ts';
import { PolicyIndex } from '../index/policy-index.ts';
import { externalAuthorizationStatus } from './external-authorization-status.ts';
import { toldObjects } from './told-objects.ts';

const group = 'policy.linkerd.io';
const metadata = (name: string, namespace = 'shop') => ({ name, namespace });
const server = (spec: object = {}) => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: metadata('web'),
  spec: { podSelector: {}, port: 80, ...spec },
});
const route = (parent: object) => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'HTTPRoute',
  metadata: metadata('r'),
  spec: { parentRefs: [parent] },
});
const service = { apiVersion: 'v1', kind: 'Service', metadata: metadata('opa'), spec: {} };
const asks = (spec: object = {}, name = 'opa', more: object = {}, status?: object) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'ExternalAuthorization',
  metadata: { ...metadata(name), ...more },
  spec: { targetRef: { group, kind: 'Server', name: 'web' }, backendRef: { name: 'opa', port: 9191 }, ...spec },
  status,
});
const ofRoute = { targetRef: { group, kind: 'HTTPRoute', name: 'r' } };
const now = new Date('2026-05-05T05:05:05.555Z');

let store: ObjectStore;
let index: PolicyIndex;
beforeEach(() => {
  store = new ObjectStore();
  const watch = store.watch.bind(store) as ObjectStore['watch'];
  index = new PolicyIndex({ watch, synced: Promise.resolve(), close: () => {} }, () => {});
});
afterEach(() => index.close());

const put = (...objects: object[]) => {
  for (const object of objects) store.put(object as KubernetesObject);
};
const told = (name = 'opa') => {
  const object = [...index.authorizers.all()].find((each) => each.metadata.name === name)!;
  const [condition] = externalAuthorizationStatus(object, index, now)?.conditions ?? [];
  return condition && [condition.status, condition.reason, condition.message];
};

it('one by which somebody is asked is accepted, and says so once', () => {
  put(server(), service, asks());
  expect(told()).toEqual(['True', 'Accepted', '']);
  expect(toldObjects(index, []).map(({ kind }) => kind)).toContain('ExternalAuthorization');
  const object = [...index.authorizers.all()][0];
  put(asks({}, 'opa', {}, externalAuthorizationStatus(object, index, now)));
  expect(told()).toBeUndefined();
});

it('of two the younger is told which holds', () => {
  put(server(), service, asks(), asks({}, 'a', { creationTimestamp: '2020-01-01T00:00:00Z' }));
  const message = 'the older object a holds for the Server web';
  expect(told()).toEqual(['False', 'ExternalAuthorizationAlreadyExists', message]);
  expect(told('a')).toEqual(['True', 'Accepted', '']);
});

it('a target that is not there, takes no HTTP, or takes no requests in is told', () => {
  put(service, asks());
  expect(told()).toEqual(['False', 'NoMatchingTarget', "there is no Server web in the object's namespace"]);
  put(server({ proxyProtocol: 'opaque' }));
  expect(told()?.[1]).toBe('NotHTTP');
  put(server(), asks(ofRoute));
  expect(told()).toEqual(['False', 'NoMatchingTarget', "there is no HTTPRoute r in the object's namespace"]);
  put(route({ group: '', kind: 'Service', name: 'opa' }));
  expect(told()?.[2]).toMatch(/^the HTTPRoute r is of no Server/);
  put(route({ group, kind: 'Server', name: 'web' }));
  expect(told()).toEqual(['True', 'Accepted', '']);
});

it('an authorizer that cannot be asked is told with what becomes of requests', () => {
  put(server(), asks());
  expect(told()).toEqual(['False', 'BackendNotFound', 'there is no Service shop/opa: its target is shut']);
  put(asks({ failureMode: 'Open' }));
  expect(told()?.[2]).toBe('there is no Service shop/opa: requests are let in unasked');
  put(asks({ backendRef: { name: 'opa', namespace: 'policy', port: 9191 } }));
  expect(told()?.[1]).toBe('RefNotPermitted');
});

it('what is wrong with one is told, within bounds', () => {
  put(server(), service, asks({ headersToBackend: Array.from({ length: 64 }, () => `l5d-${'x'.repeat(200)}`) }));
  const [status, reason, message = ''] = told()!;
  expect([status, reason]).toEqual(['False', 'Invalid']);
  expect(message.length).toBeLessThanOrEqual(2048);
});
