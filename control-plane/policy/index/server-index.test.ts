import { expect, test } from 'vitest';
import type { Pod } from '../../../lib/kinds/pod.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import type { ServerAuthorization } from '../../../lib/kinds/server-authorization.ts';
import { ServerIndex } from './server-index.ts';

const pod = (name: string, labels: Record<string, string>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels },
});
const server = (name: string, app: string, labels = {}): Server => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name, namespace: 'shop', labels },
  spec: { podSelector: { matchLabels: { app } }, port: 80 },
});
const authorization = (name: string, tier: string): ServerAuthorization => ({
  apiVersion: 'policy.linkerd.io/v1beta1',
  kind: 'ServerAuthorization',
  metadata: { name, namespace: 'shop' },
  spec: { server: { selector: { matchLabels: { tier } } }, client: { unauthenticated: true } },
});
const names = (objects: readonly { metadata: { name: string } }[]) => objects.map(({ metadata }) => metadata.name);

test('a Server names the pods whose Servers changed: those that it selects, and those that it selected', () => {
  const index = new ServerIndex();
  for (const name of ['a', 'b']) index.setPod(pod(name, { app: name }), false);
  expect(index.setServer(server('s', 'a'), false)).toEqual(['a']);
  expect(index.setServer(server('s', 'b'), false)).toEqual(['a', 'b']);
  expect([names(index.ofPod('a')), names(index.ofPod('b'))]).toEqual([[], ['s']]);
  expect(index.setServer(server('s', 'b'), true)).toEqual(['b']);
  expect(index.setServer(server('t', 'c'), false)).toEqual([]);
});

test('a pod has other Servers when its labels say so, and is not looked at again while they stay', () => {
  const index = new ServerIndex();
  index.setServer(server('s', 'a'), false);
  expect(index.setPod(pod('p', { app: 'a' }), false)).toBe(true);
  expect(index.setPod(pod('p', { app: 'a' }), false)).toBe(false);
  expect(index.setPod(pod('p', { app: 'a', more: 'x' }), false)).toBe(false);
  expect(index.setPod(pod('p', { app: 'b' }), false)).toBe(true);
  expect(index.ofPod('p')).toEqual([]);
});

test('authorizations follow the labels of Servers, whichever comes first', () => {
  const index = new ServerIndex();
  expect(index.setAuthorization(authorization('z', 'front'), false)).toEqual([]);
  index.setServer(server('s', 'a', { tier: 'front' }), false);
  expect(index.setAuthorization(authorization('a', 'front'), false)).toEqual(['s']);
  expect(names(index.authorizationsOf('s'))).toEqual(['a', 'z']);
  index.setServer(server('s', 'a', { tier: 'back' }), false);
  expect(index.authorizationsOf('s')).toEqual([]);
  expect(index.setAuthorization(authorization('a', 'back'), false)).toEqual(['s']);
  expect(index.setAuthorization(authorization('a', 'back'), true)).toEqual(['s']);
  expect(index.authorizationsOf('s')).toEqual([]);
});

test('nothing is left of what is gone', () => {
  const index = new ServerIndex();
  const objects = { pod: pod('p', { app: 'a' }), server: server('s', 'a'), authorization: authorization('z', 'x') };
  index.setPod(objects.pod, false);
  index.setServer(objects.server, false);
  index.setAuthorization(objects.authorization, false);
  expect(index.isEmpty).toBe(false);
  index.setServer(objects.server, true);
  index.setPod(objects.pod, true);
  index.setAuthorization(objects.authorization, true);
  expect(index.isEmpty).toBe(true);
});
