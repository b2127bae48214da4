import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ApiError, type KubernetesApi } from '../kubernetes/api.ts';
import type { ObjectEvent } from '../sources/object-source.ts';
import type { Scope } from '../sources/scope.ts';
import { TrustRootsPublisher } from './trust-roots-publisher.ts';

/** What stands between the publisher and an API server: the way the publisher reacts is what is tested here. */
function world(
  answer: (namespace: string) => Promise<void>,
  concurrency?: number,
  { scope, list }: { scope?: Scope; list?: (path: string) => object[] } = {},
) {
  const asked: string[] = [];
  const bundles: string[] = [];
  const forced: string[] = [];
  const registry = new Registry();
  const problems: string[] = [];
  let handler: (event: ObjectEvent<'Namespace'>) => void = () => {};
  const api = {
    get: async (path: string) => ({ metadata: {}, items: list?.(path) ?? [] }),
    patch: async (
      path: string,
      { data }: { data: Record<string, string> },
      _type: string,
      { force }: { force: string },
    ) => {
      forced.push(force);
      bundles.push(data['ca-bundle.crt']);
      const namespace = path.split('/')[4];
      asked.push(namespace);
      await answer(namespace);
    },
  } as unknown as KubernetesApi;
  const publisher = new TrustRootsPublisher({
    api,
    namespaces: {
      watch: (_kind, given) => {
        handler = given as never;
        return () => {};
      },
    },
    scope,
    name: 'roots',
    meshNamespace: 'tulle',
    log: pino({ level: 'error' }, { write: (line: string) => void problems.push(JSON.parse(line).problem) }),
    registry,
    concurrency,
    retryMs: 5,
  });
  const tell = (type: 'added' | 'deleted', name: string) =>
    handler({ type, object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
  const counts = async () => {
    const { values } = await registry.getSingleMetric('identity_trust_roots_writes_total')!.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels['result'], value]));
  };
  publishers.push(publisher);
  return { publisher, asked, forced, bundles, problems, tell, counts };
}

/** One that is under way compares the namespaces of its end. */
const sweep = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const publishers: TrustRootsPublisher[] = [];
afterEach(() => {
  for (const publisher of publishers.splice(0)) publisher.close();
});

describe('the publisher', () => {
  test('writes the newest bundle last, however slow the server is', async () => {
    const ends: (() => void)[] = [];
    const { publisher, asked, bundles, tell } = world(() => new Promise((resolve) => ends.push(resolve)));
    publisher.setBundle('PEM 1');
    publisher.setActive(true);
    await sweep();
    tell('added', 'shop');
    publisher.setBundle('PEM 2');
    await sweep();
    expect(asked).toEqual(['shop']);
    ends[0]();
    await vi.waitFor(() => expect(bundles).toEqual(['PEM 1', 'PEM 2']));
  });

  test('writes when it has a bundle and is the active one, to application namespaces', async () => {
    const { publisher, asked, tell } = world(async () => {});
    for (const name of ['shop', 'kube-system', 'tulle', 'kube-public', 'kube-tools']) tell('added', name);
    publisher.setBundle('PEM');
    publisher.setActive(true);
    await vi.waitFor(() => expect(asked).toEqual(['shop', 'kube-tools']));
    tell('added', 'late');
    await vi.waitFor(() => expect(asked).toContain('late'));
    publisher.setActive(false);
    tell('added', 'later');
    publisher.setBundle('PEM 2');
    publisher.setActive(true);
    await vi.waitFor(() =>
      expect(asked).toEqual(['shop', 'kube-tools', 'late', 'shop', 'kube-tools', 'late', 'later']),
    );
  });

  test('tries again what failed until it works, and tells the same trouble once', async () => {
    let failures = 3;
    const { publisher, asked, tell, counts, problems } = world(async () => {
      if (failures-- > 0) throw new ApiError(500, 'InternalError', 'etcd is gone');
    });
    publisher.setBundle('PEM');
    publisher.setActive(true);
    tell('added', 'shop');
    await vi.waitFor(async () => expect(await counts()).toEqual({ failed: 3, written: 1 }));
    expect(asked).toEqual(['shop', 'shop', 'shop', 'shop']);
    expect(problems).toEqual(['namespace shop: etcd is gone']);
  });

  test('gives up a namespace that is gone', async () => {
    const { publisher, asked, tell } = world(async () => {
      throw new ApiError(500, 'InternalError', 'etcd is gone');
    });
    publisher.setBundle('PEM');
    publisher.setActive(true);
    tell('added', 'shop');
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(1));
    tell('deleted', 'shop');
    tell('added', 'web');
    await vi.waitFor(() => expect(asked.filter((name) => name === 'web').length).toBeGreaterThan(2));
    expect(asked.lastIndexOf('shop')).toBeLessThan(asked.indexOf('web') + 2);
  });

  test('writes to so many namespaces at a time', async () => {
    const ends: (() => void)[] = [];
    const { publisher, asked, tell } = world(() => new Promise((resolve) => ends.push(resolve)), 2);
    publisher.setBundle('PEM');
    publisher.setActive(true);
    await sweep();
    for (let i = 0; i < 5; i++) tell('added', `ns-${i}`);
    for (let done = 0; done < 5; done++) {
      await vi.waitFor(() => expect(ends.length).toBeGreaterThan(done));
      expect(asked.length - done).toBeLessThanOrEqual(2);
      ends[done]();
    }
    await vi.waitFor(() => expect(asked).toHaveLength(5));
  });

  test('of some namespaces only, lists each by itself: one that is refused costs the others nothing', async () => {
    const listed: string[] = [];
    const published = { metadata: { namespace: 'shop', labels: {} }, data: { 'ca-bundle.crt': 'PEM' } };
    const { publisher, asked, forced, problems, tell } = world(async () => {}, undefined, {
      scope: { namespaces: ['shop', 'bank', 'farm'] },
      list(path) {
        listed.push(path);
        if (path.includes('/bank/')) throw new ApiError(403, 'Forbidden', 'GET configmaps: forbidden');
        return path.includes('/shop/') ? [published] : [];
      },
    });
    for (const name of ['shop', 'bank', 'farm']) tell('added', name);
    publisher.setBundle('PEM');
    publisher.setActive(true);
    await vi.waitFor(() => expect(asked.length).toBe(2));
    expect(listed).toEqual(['shop', 'bank', 'farm'].map((name) => `/api/v1/namespaces/${name}/configmaps`));
    // Over what somebody else wrote only where it is known whose it is.
    expect(asked.map((name, index) => [name, forced[index]])).toEqual([
      ['bank', 'false'],
      ['farm', 'true'],
    ]);
    expect(problems).toEqual(['GET configmaps: forbidden']);
  });
});
