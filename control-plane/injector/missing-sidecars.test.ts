import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { injectAnnotation } from '../../lib/contract/annotations.ts';
import { injectConfig, type Metadata } from '../../lib/inject/index.ts';
import { ApiError } from '../kubernetes/api.ts';
import type { KubernetesEvent } from '../kubernetes/events.ts';
import { MissingSidecars } from './missing-sidecars.ts';
import { Owners } from './owners.ts';

let pages: unknown[];
let asked: (Readonly<Record<string, string>> | undefined)[];
let events: string[];
let logged: string[];
let registry: Registry;
let missing: MissingSidecars;
const enabled: Metadata = { annotations: { [injectAnnotation]: 'enabled' } };

beforeEach(() => {
  pages = [];
  asked = [];
  events = [];
  logged = [];
  registry = new Registry();
  const api = {
    get: async <T>(_path: string, query?: Readonly<Record<string, string>>): Promise<T> => {
      asked.push(query);
      const page = pages.shift();
      if (page instanceof Error) throw page;
      return page as T;
    },
  };
  const owners = new Owners({ api: { get: () => Promise.reject(new Error('no')) }, onProblem: () => {} });
  missing = new MissingSidecars({
    api,
    config: () => injectConfig(),
    namespace: async (name) => (name === 'shop' ? enabled : {}),
    owner: (pod, namespace) => owners.rootOf(pod, namespace),
    record: ({ kind, name, namespace }, { type, reason }: KubernetesEvent) =>
      events.push(`${kind} ${namespace}/${name} ${type} ${reason}`),
    log: pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) }),
    registry,
  });
});
afterEach(() => missing.close());

const pod = (name: string, { namespace = 'shop', phase = 'Running', metadata = {}, spec = {} } = {}) => ({
  metadata: {
    name,
    namespace,
    labels: { 'pod-template-hash': 'abc' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'u', controller: true }],
    ...metadata,
  },
  spec: { containers: [{ name: 'app', image: 'app' }], ...spec },
  status: { phase },
});
const count = async (): Promise<number | undefined> =>
  (await registry.getSingleMetric('proxy_inject_missing_sidecars')?.get())?.values[0]?.value;

test('a pod that was to have a sidecar and has none is told of on its workload', async () => {
  pages = [
    { metadata: { continue: 'more' }, items: [pod('a')] },
    { items: [pod('b', { metadata: { ownerReferences: [] } })] },
  ];
  await missing.look();
  expect(events).toEqual(['Deployment shop/web Warning SidecarMissing', 'Pod shop/b Warning SidecarMissing']);
  expect(asked.map((query) => query?.['continue'])).toEqual([undefined, 'more']);
  expect(await count()).toBe(2);
});

test('a pod that is to have none, or has ended, is let be', async () => {
  pages = [
    {
      items: [
        pod('elsewhere', { namespace: 'other' }),
        pod('ended', { phase: 'Succeeded' }),
        pod('host', { spec: { hostNetwork: true } }),
        pod('out', { metadata: { annotations: { [injectAnnotation]: 'disabled' } } }),
      ],
    },
  ];
  await missing.look();
  expect(events).toEqual([]);
  expect(await count()).toBe(0);
});

test('an API server that refuses is told of once, and asked again', async () => {
  pages = [new ApiError(403, 'Forbidden', 'no'), new ApiError(403, 'Forbidden', 'no'), { items: [pod('a')] }];
  for (let look = 0; look < 3; look++) await missing.look();
  expect(events).toHaveLength(1);
  expect(logged.filter((line) => line.includes('cannot be looked for'))).toHaveLength(1);
});
