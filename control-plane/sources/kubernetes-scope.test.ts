import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { type Kind, kindInfo } from './kinds.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import { objectKey } from './object-key.ts';
import { FakeApiServer } from './testing/fake-api-server.ts';

let server: FakeApiServer;
let source: KubernetesSource;
let registry: Registry;
let logged: Record<string, unknown>[];
let told: string[];
let synced: boolean;

beforeEach(() => {
  server = new FakeApiServer([namespace('shop'), namespace('bank'), service('shop', 'web'), service('bank', 'safe')]);
  // What no Role gives.
  server.refused.add('');
  registry = new Registry();
  logged = [];
  told = [];
  synced = false;
});
afterEach(() => source.close());

const namespace = (name: string, annotations?: object): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations },
});
const service = (where: string, name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: where },
});

function start(namespaces: readonly string[], kinds: readonly Kind[] = ['Namespace', 'Node', 'Service']): void {
  source = new KubernetesSource({
    client: server.client,
    scope: { namespaces },
    log: pino({ level: 'info' }, { write: (line) => void logged.push(JSON.parse(line)) }),
    registry,
    now: Date.now,
    random: Math.random,
    times: {
      backOff: { firstMs: 1, maxMs: 5 },
      silenceMs: 1000,
      forbiddenRetryMs: 10,
      namespaceMs: 10,
    },
  });
  for (const kind of kinds) {
    source.watch(kind, ({ type, object }) => told.push(`${type} ${object.kind} ${objectKey(object)}`));
  }
  void source.synced.then(() => {
    synced = true;
  });
}
const gauge = async (name: string): Promise<unknown[]> => {
  const metric = await registry.getSingleMetric(`kubernetes_source_${name}`)?.get();
  return (metric?.values ?? []).filter(({ value }) => value !== 0).map(({ labels }) => labels);
};

test('of the namespaces that are named all is told, and nothing else is asked for', async () => {
  server.put(service('others', 'secret'));
  start(['shop', 'bank']);
  await source.synced;
  expect(told.sort()).toEqual([
    'added Namespace bank',
    'added Namespace shop',
    'added Service bank/safe',
    'added Service shop/web',
  ]);
  expect([...server.asked].sort()).toEqual([
    '/api/v1/namespaces/bank',
    '/api/v1/namespaces/bank/services',
    '/api/v1/namespaces/shop',
    '/api/v1/namespaces/shop/services',
  ]);
});

test('a list of one namespace leaves the objects of the others', async () => {
  start(['shop', 'bank'], ['Service']);
  await source.synced;
  server.lose(service('shop', 'web'));
  await vi.waitFor(() => expect(told.at(-1)).toBe('deleted Service shop/web'));
  server.put(service('bank', 'new'));
  await vi.waitFor(() => expect(told.at(-1)).toBe('added Service bank/new'));
  expect(told.filter((line) => line.includes('bank/safe'))).toEqual(['added Service bank/safe']);
});

test('a namespace that is refused holds up no other, keeps the source from being synced, and is told once', async () => {
  server.refused.add('bank');
  start(['shop', 'bank']);
  await vi.waitFor(() => expect(told).toContain('added Service shop/web'));
  const asked = vi.spyOn(server.client, 'get');
  await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(10));
  expect(synced).toBe(false);
  expect(logged.map(({ namespace, kind, fix, msg }) => [namespace, kind, fix, msg])).toEqual([
    [
      'bank',
      undefined,
      'grant get on namespaces to the service account by a Role in bank',
      'annotations of the namespace do not count: it may not be read',
    ],
    [
      'bank',
      'Service',
      'grant get, list and watch on services to the service account by a Role in bank',
      'kind is not read: it is forbidden',
    ],
  ]);
  expect(await gauge('forbidden')).toEqual([
    { kind: 'Namespace', namespace: 'bank' },
    { kind: 'Service', namespace: 'bank' },
  ]);

  server.refused.delete('bank');
  await source.synced;
  expect(told).toContain('added Service bank/safe');
  await vi.waitFor(async () => expect(await gauge('forbidden')).toEqual([]));
});

test('a namespace that does not exist is told once, keeps nothing waiting, and is read once it does', async () => {
  start(['shop', 'late']);
  await source.synced;
  expect(told.sort()).toEqual(['added Namespace shop', 'added Service shop/web']);
  expect(await gauge('namespace_absent')).toEqual([{ namespace: 'late' }]);
  server.put(namespace('late'));
  server.put(service('late', 'web'));
  await vi.waitFor(() =>
    expect(told).toEqual(expect.arrayContaining(['added Namespace late', 'added Service late/web'])),
  );
  expect(await gauge('namespace_absent')).toEqual([]);
  expect(logged.map(({ namespace, msg }) => `${namespace}: ${msg}`)).toEqual([
    'late: namespace does not exist: it is read once it does',
    'late: namespace is there now',
  ]);
});

test('changes of a Namespace are seen, and one that may not be read any more stays as it was', async () => {
  const annotations: unknown[] = [];
  start(['shop'], ['Namespace']);
  source.watch('Namespace', ({ type, object }) => annotations.push([type, object.metadata.annotations]));
  await source.synced;
  server.put(namespace('shop', { note: 'x' }));
  await vi.waitFor(() => expect(annotations).toContainEqual(['modified', { note: 'x' }]));
  server.refused.add('shop');
  await vi.waitFor(() => expect(logged).toHaveLength(1));
  server.refused.delete('shop');
  server.remove(namespace('shop'));
  await vi.waitFor(() => expect(annotations.at(-1)).toEqual(['deleted', { note: 'x' }]));
  expect(annotations).toHaveLength(3);
});

test('where a Namespace may not be read, one without annotations stands in for it', async () => {
  const get = server.client.get;
  server.client.get = (path, query) => {
    if (path === '/api/v1/namespaces/shop') server.refused.add('shop');
    const answer = get(path, query);
    server.refused.delete('shop');
    return answer as never;
  };
  start(['shop']);
  await source.synced;
  expect(told.sort()).toEqual(['added Namespace shop', 'added Service shop/web']);
});

test('the Role of the guide gives what is read of a namespace', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/sources.md'), 'utf8');
  const { rules } = parse(/^```yaml\n([\s\S]*?)^```$/m.exec(guide)?.[1] ?? '') as {
    rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
  };
  const granted = new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
  const read = Object.values(kindInfo).filter(({ namespaced }) => namespaced);
  const needed = read.flatMap(({ group, plural }) => [`list ${group}/${plural}`, `watch ${group}/${plural}`]);
  expect([...needed, 'get /namespaces'].filter((right) => !granted.has(right))).toEqual([]);
});
