import { Agent, createServer, request, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** What changes under load: rules, endpoints, how many tries fail. None of it may fail a request. */
let mesh: TestMesh;
const agent = new Agent({ keepAlive: true });
const servers = new Map<string, Server>();
/** Requests that servers were sent. */
let served = 0;
/** Every request of so many fails; 0: none. */
let failsEvery = 0;

const route = (rule: object, annotations: Record<string, string> = {}) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'changing', namespace: 'test', annotations, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 8080 }], rules: [rule] },
});
const to = (name: string, weight = 1) => ({ name, port: 8080, weight });

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    ...['web', 'blue', 'green'].map((name) => ({ name, ports: [8080], labels: { tier: 'shop' } })),
  ]);
  for (const name of ['web', 'blue', 'green']) {
    const server = createServer((asked, response) => {
      asked.resume();
      served++;
      const fails = failsEvery > 0 && served % failsEvery === 0;
      response.writeHead(fails ? 503 : 200).end(name);
    });
    servers.set(name, server);
    await mesh.serve(name, 8080, server);
  }
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});

const call = (host = 'web.test:8080'): Promise<{ status: number | undefined; body: string }> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: mesh.ip('client'), port: 4140, path: '/', headers: { host }, agent });
    asked.setTimeout(10_000, () => asked.destroy(new Error('no answer')));
    asked.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body })).on('error', reject);
    });
    asked.end();
  });

/** Calls from eight clients at a time until `until` is done; returns the statuses that are not 200, and how many were. */
async function load(until: Promise<unknown>, host?: string): Promise<{ failed: unknown[]; answered: number }> {
  const failed: unknown[] = [];
  let answered = 0;
  let over = false;
  const loop = async (): Promise<void> => {
    while (!over) {
      const result = await call(host).catch((error: Error) => error.message);
      if (typeof result === 'object' && result.status === 200) answered++;
      else failed.push(result);
      await sleep(5);
    }
  };
  const loops = Promise.all(Array.from({ length: 8 }, loop));
  await until.finally(() => {
    over = true;
  });
  await loops;
  return { failed, answered };
}

it('rules that change as fast as they can be read fail no request, and the last one holds', async () => {
  mesh.apply(route({ backendRefs: [to('blue')] }));
  await vi.waitFor(async () => expect((await call()).body).toBe('blue'), 10_000);
  const changing = (async () => {
    for (let i = 0; i < 300; i++) {
      mesh.apply(route({ backendRefs: [to('blue', i % 7), to('green', 1 + (i % 5)), to('web', i % 3)] }));
      await sleep(10);
    }
    mesh.apply(route({ backendRefs: [to('green')] }));
  })();
  const { failed, answered } = await load(changing);
  expect(failed).toEqual([]);
  expect(answered).toBeGreaterThan(100);
  await vi.waitFor(async () => {
    const bodies = await Promise.all(Array.from({ length: 10 }, async () => (await call()).body));
    expect(new Set(bodies)).toEqual(new Set(['green']));
  }, 10_000);
}, 40_000);

it('an endpoint that ends under load, with retries on, fails no request', async () => {
  mesh.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'all',
      namespace: 'test',
      annotations: { 'retry.linkerd.io/http': '5xx', 'retry.linkerd.io/limit': '3' },
    },
    spec: { selector: { tier: 'shop' }, ports: [{ name: 'p', port: 8080 }] },
  });
  const host = 'all.test:8080';
  await vi.waitFor(async () => {
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await call(host)).body));
    expect(new Set(bodies)).toEqual(new Set(['web', 'blue', 'green']));
  }, 10_000);
  const ending = (async () => {
    await sleep(300);
    // The sidecar beside it stays: it answers 502 for an application that is gone.
    servers.get('blue')?.close();
    servers.get('blue')?.closeAllConnections();
    await sleep(1500);
  })();
  const { failed, answered } = await load(ending, host);
  expect(failed).toEqual([]);
  expect(answered).toBeGreaterThan(100);
}, 40_000);

it('a fifth of the tries that fails is seen by no client, and costs at most so many more', async () => {
  mesh.apply(
    route({ backendRefs: [to('web'), to('green')] }, { 'retry.linkerd.io/http': '503', 'retry.linkerd.io/limit': '5' }),
  );
  failsEvery = 5;
  await vi.waitFor(async () => {
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await call()).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
  }, 10_000);
  served = 0;
  const { failed, answered } = await load(sleep(1500));
  expect(failed).toEqual([]);
  expect(served / answered).toBeLessThan(1.35);
}, 40_000);

it('a storm of failures is tried again only as far as the budget of the profile goes', async () => {
  mesh.apply({
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: { name: 'web.test.svc.cluster.local', namespace: 'test' },
    spec: {
      routes: [{ name: 'all', condition: { pathRegex: '/.*' }, isRetryable: true }],
      retryBudget: { retryRatio: 0.2, minRetriesPerSecond: 0, ttl: '10s' },
    },
  });
  failsEvery = 1;
  await vi.waitFor(async () => {
    await call();
    expect(await mesh.metric('client', 'route_retryable_total', 'skipped="no_budget"')).toBeGreaterThan(0);
  }, 10_000);
  served = 0;
  const { failed } = await load(sleep(2000));
  failsEvery = 0;
  expect(failed.length).toBeGreaterThan(50);
  expect(served / failed.length).toBeLessThanOrEqual(1.25);
}, 40_000);
