import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ClientOptions, KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { kubeconfigAccess } from '../../../control-plane/kubernetes/kubeconfig.ts';
import { inClusterAccess } from '../../../control-plane/kubernetes/server-access.ts';
import { type Kind, kindInfo } from '../../../control-plane/sources/kinds.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { clientThrough, definition, inParallel, WatchedSource } from './source.ts';
import { TcpProxy } from './tcp-proxy.ts';

const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const slice = (name: string, address = '10.0.0.1'): object => ({
  metadata: { name, labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
  ports: [{ name: 'http', port: 80 }],
});
const soon = { timeout: 20_000, interval: 50 };

describe.skipIf(apiServerMissing)(
  `the source of an API server${apiServerMissing ? ` (${apiServerMissing})` : ''}`,
  () => {
    let server: TestApiServer;
    let proxy: TcpProxy;
    let watched: WatchedSource | undefined;
    let made = 0;

    beforeAll(async () => {
      // Pages that come from etcd, where a compaction can take them away.
      server = await startApiServer({ flags: ['--feature-gates=ListFromCacheSnapshot=false'] });
    }, 120_000);
    afterAll(() => server?.stop());
    beforeEach(() => {
      proxy = new TcpProxy(server.port);
      made++;
    });
    afterEach(async () => {
      watched?.source.close();
      expect(watched?.contradictions ?? []).toEqual([]);
      watched = undefined;
      await proxy.close();
      await server.client.delete(slices);
    });

    async function open(
      kinds: readonly Kind[],
      options: ConstructorParameters<typeof WatchedSource>[2] & ClientOptions = {},
    ): Promise<WatchedSource> {
      watched = new WatchedSource(await clientThrough(server, await proxy.listen(), options), kinds, options);
      return watched;
    }
    const name = (text: string): string => `${text}-${made}`;
    const make = (text: string, address?: string): Promise<unknown> =>
      server.client.create(slices, slice(name(text), address));
    const key = (text: string): string => `default/${name(text)}`;

    test('objects of every kind are told, with what is read of them alone', async () => {
      const kinds = Object.keys(kindInfo) as Kind[];
      const optional = kinds.filter((kind) => kindInfo[kind].optional);
      await server.kubectl(['apply', '-f', '-'], JSON.stringify(list(optional.map((kind) => definition(kind)))));
      await server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
      const objects = kinds.map((kind) => {
        const { group, versions, kind: name, namespaced } = kindInfo[kind];
        return {
          apiVersion: group === '' ? versions[0] : `${group}/${versions[0]}`,
          kind: name,
          metadata: {
            name: 'one',
            namespace: namespaced ? 'default' : undefined,
            labels: { app: 'one' },
            annotations: { note: 'x' },
          },
          ...content[kind],
        };
      });
      await server.kubectl(['apply', '-f', '-'], JSON.stringify(list(objects)));

      const { source, objects: told, keys } = bound(await open(kinds));
      await source.synced;
      for (const kind of kinds) expect(keys(kind)).toContain(kindInfo[kind].namespaced ? 'default/one' : 'one');
      const pod = told.get('Pod')?.get('default/one');
      expect(pod).toEqual({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'one',
          namespace: 'default',
          uid: expect.any(String),
          creationTimestamp: expect.any(String),
          labels: { app: 'one' },
          annotations: { note: 'x' },
        },
        spec: {
          containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP' }] }],
          // The default that the API server gives.
          serviceAccountName: undefined,
        },
        status: { phase: 'Pending' },
      });
      await server.kubectl(['delete', '-f', '-', '--wait=false'], JSON.stringify(list(objects.slice(2))));
      for (const kind of kinds.slice(2)) await vi.waitFor(() => expect(keys(kind)).not.toContain('default/one'), soon);
    });

    test('a list in pages is whole', async () => {
      await inParallel(
        Array.from({ length: 50 }, (_, index) => `page${index}`),
        make,
      );
      const { source, keys } = bound(await open(['EndpointSlice'], { pageSize: 7 }));
      await source.synced;
      expect(keys('EndpointSlice')).toHaveLength(50);
    });

    test('a list whose next page has expired is read at once', async () => {
      await inParallel(
        Array.from({ length: 50 }, (_, index) => `page${index}`),
        make,
      );
      const client = await clientThrough(server, await proxy.listen());
      const get = client.get.bind(client);
      client.get = async <T>(path: string, query?: Record<string, string>): Promise<T> => {
        if (query?.['continue'] !== undefined) {
          await make(`between${Math.random().toString(36).slice(2)}`);
          await server.compact();
        }
        return get<T>(path, query);
      };
      watched = new WatchedSource(client, ['EndpointSlice'], { pageSize: 7 });
      await watched.source.synced;
      expect(watched.keys('EndpointSlice').filter((found) => found.includes('page'))).toHaveLength(50);
      expect(await watched.count('restarts_total', { reason: 'expired' })).toBe(1);
    });

    test('a connection that is cut is taken up again where it was, without a list', async () => {
      const opened = await open(['EndpointSlice']);
      await opened.source.synced;
      await vi.waitFor(async () => expect(await opened.count('watches_total', {})).toBe(1), soon);
      for (const round of ['a', 'b', 'c']) {
        proxy.cut();
        await make(round);
        await vi.waitFor(() => expect(opened.keys('EndpointSlice')).toContain(key(round)), soon);
      }
      expect(await opened.count('lists_total', {})).toBe(1);
      expect(await opened.count('restarts_total', { reason: 'network' })).toBeGreaterThanOrEqual(3);
    });

    test.each([
      { when: 'while it is quiet', watching: true, reason: 'silent' },
      { when: 'before its watch has begun', watching: false, reason: 'network' },
    ])('a connection that dies without a word $when is noticed in time, and nothing is missed', async (dead) => {
      await make('gone');
      const opened = await open(['EndpointSlice'], { timeoutMs: 500, times: { silenceMs: 500 }, pingMs: 250 });
      await opened.source.synced;
      if (dead.watching) await vi.waitFor(async () => expect(await opened.count('watches_total', {})).toBe(1), soon);
      const since = await opened.count('restarts_total', { reason: dead.reason });
      proxy.freeze();
      await make('new');
      await server.client.delete(`${slices}/${name('gone')}`);
      expect(opened.keys('EndpointSlice')).toEqual([key('gone')]);
      proxy.thawForNew();
      const thawedMs = performance.now();
      await vi.waitFor(() => expect(opened.keys('EndpointSlice')).toEqual([key('new')]), soon);
      expect(performance.now() - thawedMs).toBeLessThan(5000);
      expect(await opened.count('restarts_total', { reason: dead.reason })).toBeGreaterThan(since);
      expect(await opened.count('lists_total', {})).toBe(1);
    });

    test('a server that refuses connections for a while loses nothing of what is known', async () => {
      await make('a');
      const opened = await open(['EndpointSlice']);
      await opened.source.synced;
      proxy.refuse();
      await make('b');
      await server.client.delete(`${slices}/${name('a')}`);
      await vi.waitFor(async () => {
        expect(await opened.count('restarts_total', { reason: 'network' })).toBeGreaterThan(3);
      }, soon);
      expect(opened.keys('EndpointSlice')).toEqual([key('a')]);
      proxy.forward();
      await vi.waitFor(() => expect(opened.keys('EndpointSlice')).toEqual([key('b')]), soon);
      expect(opened.logged.some(({ msg }) => msg === 'reading fails again and again')).toBe(true);
    });

    test('a server that starts again is read on', async () => {
      await make('a');
      const opened = await open(['EndpointSlice', 'Namespace']);
      await opened.source.synced;
      await server.halt();
      expect(opened.keys('EndpointSlice')).toEqual([key('a')]);
      await server.start();
      await make('b');
      await vi.waitFor(() => expect(opened.keys('EndpointSlice')).toEqual([key('a'), key('b')]), soon);
    });

    test('history that the server has forgotten is made up for by a list', async () => {
      await make('old');
      await make('changed');
      const opened = await open(['EndpointSlice']);
      await opened.source.synced;
      proxy.refuse();
      await server.client.delete(`${slices}/${name('old')}`);
      await server.client.patch(`${slices}/${name('changed')}`, { endpoints: [{ addresses: ['10.9.9.9'] }] }, 'merge');
      await make('new');
      await server.compact();
      // The API server itself remembers some history, until it starts again.
      await server.halt();
      await server.start();
      proxy.forward();
      await vi.waitFor(() => expect(opened.keys('EndpointSlice')).toEqual([key('changed'), key('new')]), soon);
      expect(opened.objects.get('EndpointSlice')?.get(key('changed'))).toMatchObject({
        endpoints: [{ addresses: ['10.9.9.9'] }],
      });
      expect(await opened.count('restarts_total', { reason: 'expired' })).toBeGreaterThanOrEqual(1);
      expect(await opened.count('lists_total', {})).toBe(2);
    });

    test('5,000 objects made, changed and deleted while connections break end as the server has them', async () => {
      const opened = await open(['EndpointSlice'], { times: { silenceMs: 1000 } });
      await opened.source.synced;
      const names = Array.from({ length: 5000 }, (_, index) => name(`churn${index}`));
      let done = 0;
      await inParallel(names, async (churned) => {
        await server.client.create(slices, slice(churned));
        const number = ++done;
        if (number % 3 === 0)
          await server.client.patch(
            `${slices}/${churned}`,
            { endpoints: [{ addresses: [`10.1.1.${number % 250}`] }] },
            'merge',
          );
        if (number % 4 === 0) await server.client.delete(`${slices}/${churned}`);
        if (number % 700 === 0 && number < 4000) proxy.cut();
        if (number === 4300) {
          proxy.freeze();
          proxy.thawForNew();
        }
        if (number === 3000) await server.compact();
      });
      const page = await server.client.get<{ items: { metadata: { name: string }; endpoints: object[] }[] }>(slices);
      const expected = page.items.map((item) => [`default/${item.metadata.name}`, item.endpoints] as const);
      expect(expected).toHaveLength(3750);
      await vi.waitFor(
        () => {
          const told = opened.objects.get('EndpointSlice') ?? new Map();
          expect(told.size).toBe(expected.length);
          for (const [key, endpoints] of expected) expect(told.get(key)?.endpoints).toEqual(endpoints);
        },
        { timeout: 30_000, interval: 500 },
      );
      expect(await opened.count('objects', { kind: 'EndpointSlice' })).toBe(3750);
      expect(await opened.count('restarts_total', { reason: 'network' })).toBeGreaterThan(2);
      expect(await opened.count('restarts_total', { reason: 'silent' })).toBeGreaterThan(0);
    }, 240_000);

    // On a busy machine the API server takes its time over definitions whose objects were thousands.
    test('a kind whose definition comes later is read then, and goes with it', { timeout: 240_000 }, async () => {
      await server.kubectl(['delete', 'crd', '--all']);
      const opened = await open(['Server', 'EndpointSlice']);
      await opened.source.synced;
      expect(opened.keys('Server')).toEqual([]);

      // An older version of the table is what this cluster has.
      await server.kubectl(['apply', '-f', '-'], JSON.stringify(definition('Server', ['v1beta1'])));
      await server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
      const resource = { apiVersion: 'policy.linkerd.io/v1beta1', kind: 'Server', metadata: { name: 'web' } };
      await server.kubectl(['apply', '-f', '-'], JSON.stringify({ ...resource, spec: { port: 'http' } }));
      await vi.waitFor(() => expect(opened.keys('Server')).toEqual(['default/web']), soon);
      expect(opened.objects.get('Server')?.get('default/web')).toMatchObject({ ...resource, spec: { port: 'http' } });

      await server.kubectl(['delete', 'crd', '--all']);
      await vi.waitFor(() => expect(opened.keys('Server')).toEqual([]), soon);
    });

    test('a kind that is forbidden is told once with its fix, and read once it is allowed', async () => {
      const token = await server.token('default', name('reader'));
      const access = await kubeconfigAccess(server.kubeconfigFor({ token }), { onProblem: () => {} });
      watched = new WatchedSource(new KubernetesClient(access), ['EndpointSlice']);
      const { source, logged } = watched;
      let synced = false;
      void source.synced.then(() => {
        synced = true;
      });
      await vi.waitFor(async () => {
        expect(await watched?.count('restarts_total', { reason: 'forbidden' })).toBeGreaterThan(2);
      }, soon);
      expect(synced).toBe(false);
      const fix = 'grant get, list and watch on endpointslices.discovery.k8s.io to the service account';
      expect(logged.filter((line) => line['fix'] !== undefined)).toMatchObject([{ kind: 'EndpointSlice', fix }]);
      await grant(server, name('reader'));
      await source.synced;
    });

    test('a token that is replaced is used from the next connection on', async () => {
      const [first, second] = [name('first'), name('second')];
      const folder = join(server.folder, 'rotated');
      mkdirSync(folder);
      writeFileSync(join(folder, 'ca.crt'), server.ca);
      writeFileSync(join(folder, 'token'), await server.token('default', first));
      await grant(server, first);
      const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(await proxy.listen()) };
      const access = await inClusterAccess({ env, folder, onProblem: () => {}, rereadMs: 20 });
      watched = new WatchedSource(new KubernetesClient(access), ['EndpointSlice']);
      const { source, keys } = bound(watched);
      await source.synced;

      const token = await server.token('default', second);
      await grant(server, second);
      writeFileSync(join(folder, 'token'), token);
      await vi.waitFor(() => expect(access.credentials().token).toBe(token), soon);
      await server.kubectl(['delete', 'clusterrolebinding', first]);
      proxy.cut();
      await make('a');
      await vi.waitFor(() => expect(keys('EndpointSlice')).toEqual([key('a')]), soon);
      expect(await watched.count('restarts_total', { reason: 'forbidden' })).toBe(0);
    });

    test('a handler that fails keeps neither the others nor the source from going on', async () => {
      const opened = await open(['EndpointSlice']);
      opened.source.watch('EndpointSlice', () => {
        throw new Error('broken handler');
      });
      await opened.source.synced;
      await make('a');
      await make('b');
      await vi.waitFor(() => expect(opened.keys('EndpointSlice')).toEqual([key('a'), key('b')]), soon);
      expect(await opened.count('handler_errors_total', { kind: 'EndpointSlice' })).toBe(2);
      expect(JSON.stringify(opened.logged)).toContain('broken handler');
    });
  },
);

/** What a kind needs besides metadata for the server to take it. */
const content: Partial<Record<Kind, object>> = {
  Service: { spec: { ports: [{ port: 80 }] } },
  Pod: {
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: 'b' }] }] },
  },
  EndpointSlice: { addressType: 'IPv4', endpoints: [] },
};

const list = (items: readonly object[]): object => ({ apiVersion: 'v1', kind: 'List', items });

const bound = (watched: WatchedSource) => ({
  source: watched.source,
  objects: watched.objects,
  keys: (kind: Kind) => watched.keys(kind),
});

/** Lets a service account of `default` read endpoint slices. */
async function grant(server: TestApiServer, account: string): Promise<void> {
  const rules = ['--verb=get,list,watch', '--resource=endpointslices.discovery.k8s.io'];
  await server.kubectl(['create', 'clusterrole', account, ...rules]);
  await server.kubectl([
    'create',
    'clusterrolebinding',
    account,
    `--clusterrole=${account}`,
    `--serviceaccount=default:${account}`,
  ]);
}
