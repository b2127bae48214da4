import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh, type Workload } from './test-mesh.ts';

/** Which pod a request goes to by its key, as the sidecars of two clients see to it. */
let mesh: TestMesh;
const pods = ['pod', 'pod-b', 'pod-c'] as const;
type Pod = (typeof pods)[number];
const servers = new Map<Pod, Server>();
/** Requests that a pod has now, and the most that it has had at a time. */
const underWay = new Map<Pod, number>();
const most = new Map<Pod, number>();
/** The pod that answers 503. */
let failing: Pod | undefined;

const affinity = 'balancer.tulle.dev/affinity';
const service = (name: string, annotations: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'test', annotations },
  spec: { selector: { app: 'pod' }, ports: [{ name: 'http', port: 8080 }] },
});
const services = [
  service('by-header', { [affinity]: 'header:x-user' }),
  service('by-cookie', { [affinity]: 'cookie:session;ttl=1h;path=/' }),
  service('by-query', { [affinity]: 'query:user' }),
  service('by-source', { [affinity]: 'source-ip' }),
  service('bounded', { [affinity]: 'header:x-user', [`${affinity}-max-load`]: '1.25' }),
  service('retried', { [affinity]: 'header:x-user', 'retry.linkerd.io/http': '5xx', 'retry.linkerd.io/limit': '1' }),
  service('plain', {}),
];

function serve(name: Pod): Promise<void> {
  const server = createServer((asked, response) => {
    const now = (underWay.get(name) ?? 0) + 1;
    underWay.set(name, now);
    most.set(name, Math.max(now, most.get(name) ?? 0));
    const answer = () => {
      underWay.set(name, (underWay.get(name) ?? 0) - 1);
      response.writeHead(failing === name ? 503 : 200, { 'x-pod': name }).end();
    };
    if (asked.headers['x-slow'] === undefined) answer();
    else setTimeout(answer, 300);
  });
  servers.set(name, server);
  return mesh.serve(name, 8080, server);
}

beforeAll(async () => {
  const [first, ...others] = pods;
  const workloads: Workload[] = [
    { name: 'client' },
    { name: 'other' },
    { name: first, ports: [8080] },
    ...others.map((name) => ({ name, ports: [8080], labels: { app: first } })),
  ];
  mesh = await TestMesh.start(workloads, services);
  for (const name of pods) await serve(name);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

interface Answer {
  readonly status: number | undefined;
  readonly pod: Pod;
  readonly headers: IncomingHttpHeaders;
}
function call(client: string, of: string, headers: Record<string, string> = {}, path = '/'): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const all = { host: `${of}.test:8080`, ...headers };
  const asked = request({ host: mesh.ip(client), port: 4140, path, headers: all, agent: false });
  asked.on('error', reject).on('response', (response) => {
    const { statusCode: status, headers } = response;
    response.resume().on('end', () => resolve({ status, pod: headers['x-pod'] as Pod, headers }));
  });
  asked.end();
  return promise;
}
const users = Array.from({ length: 24 }, (_, i) => `user-${i}`);
/** Where the requests of each user go. */
async function homes(client: string, of = 'by-header'): Promise<Map<string, Pod>> {
  const found = new Map<string, Pod>();
  for (const user of users) {
    const { status, pod } = await call(client, of, { 'x-user': user });
    expect(status).toBe(200);
    found.set(user, pod);
  }
  return found;
}

describe('by a header', () => {
  it('each user has a pod, the first time and later, and the sidecars of all clients choose the same', async () => {
    // Both have just started, and are connected to nobody.
    const [one, another] = await Promise.all([homes('client'), homes('other')]);
    expect(another).toEqual(one);
    expect(await homes('client')).toEqual(one);
    expect(new Set(one.values())).toEqual(new Set(pods));
  }, 30_000);

  it('a user goes to another pod while theirs is away, the others stay, and all are back when it is', async () => {
    const before = await homes('client');
    const server = servers.get('pod-b')!;
    server.close();
    server.closeAllConnections();
    await vi.waitFor(async () => expect(new Set((await homes('client')).values())).toEqual(new Set(['pod', 'pod-c'])), {
      timeout: 20_000,
      interval: 100,
    });
    const during = await homes('client');
    for (const user of users) if (before.get(user) !== 'pod-b') expect(during.get(user)).toBe(before.get(user));
    await serve('pod-b');
    await vi.waitFor(async () => expect(await homes('client')).toEqual(before), { timeout: 20_000, interval: 100 });
  }, 60_000);

  it('requests without it go to all pods', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => call('client', 'by-header', { 'x-slow': '1' })));
    expect(new Set(answers.map(({ pod }) => pod))).toEqual(new Set(pods));
  }, 20_000);
});

describe('by a cookie', () => {
  it('a client without one is given it, and goes to the pod that it was given it by', async () => {
    const seen = new Set<Pod>();
    for (let i = 0; i < 12; i++) {
      const given = await call('client', 'by-cookie');
      const [cookie] = given.headers['set-cookie'] ?? [];
      expect(cookie).toMatch(/^session="[0-9a-f]{32}"; Max-Age=3600; Path=\/; HttpOnly$/);
      for (const client of ['client', 'other']) {
        const back = await call(client, 'by-cookie', { cookie: `theme=dark; ${cookie.split(';')[0]}` });
        expect([back.pod, back.headers['set-cookie']]).toEqual([given.pod, undefined]);
      }
      seen.add(given.pod);
    }
    expect(seen.size).toBeGreaterThan(1);
  }, 20_000);

  it('one that the application makes itself is as good', async () => {
    const [first, second] = await Promise.all(
      ['client', 'other'].map((from) => call(from, 'by-cookie', { cookie: 'session=7' })),
    );
    expect(second.pod).toBe(first.pod);
  });
});

it('by a query parameter each value has a pod', async () => {
  const found = new Map<string, Pod>();
  for (const user of users) found.set(user, (await call('client', 'by-query', {}, `/a?x=1&user=${user}`)).pod);
  expect(new Set(found.values())).toEqual(new Set(pods));
  for (const user of users)
    expect((await call('other', 'by-query', {}, `/b?user=${user}&y`)).pod).toBe(found.get(user));
}, 20_000);

it('by its source each client has one pod', async () => {
  for (const client of ['client', 'other']) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(client, 'by-source', { 'x-slow': '1' })));
    expect(new Set(answers.map(({ pod }) => pod)).size).toBe(1);
  }
}, 20_000);

it('a pod gets no more than its bound of the load, and the user is back when that is over', async () => {
  // The bound is one among those that are connected: here are all.
  await homes('client', 'bounded');
  const { pod: home } = await call('client', 'bounded', { 'x-user': 'hot' });
  most.clear();
  const slow = { 'x-user': 'hot', 'x-slow': '1' };
  const answers = await Promise.all(Array.from({ length: 12 }, () => call('client', 'bounded', slow)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  // A quarter more than a third of twelve.
  expect(most.get(home)).toBe(5);
  expect(Math.max(...most.values())).toBe(5);
  expect((await call('client', 'bounded', { 'x-user': 'hot' })).pod).toBe(home);
}, 20_000);

it('a request that its pod failed is tried again at another', async () => {
  const { pod: home } = await call('client', 'retried', { 'x-user': 'ann' });
  failing = home;
  for (let i = 0; i < 5; i++) {
    const { status, pod } = await call('client', 'retried', { 'x-user': 'ann' });
    expect(status).toBe(200);
    expect(pod).not.toBe(home);
  }
  failing = undefined;
  expect((await call('client', 'retried', { 'x-user': 'ann' })).pod).toBe(home);
}, 20_000);

it('what the Service says holds as soon as it says it, and no longer', async () => {
  const spread = async (): Promise<number> => {
    const slow = { 'x-user': 'ann', 'x-slow': '1' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('client', 'plain', slow)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    return new Set(answers.map(({ pod }) => pod)).size;
  };
  // All are connected to by then.
  await vi.waitFor(async () => expect(await spread()).toBe(3), { timeout: 10_000 });
  const others = services.filter(({ metadata: { name } }) => name !== 'plain');
  mesh.apply(...others, service('plain', { [affinity]: 'header:x-user' }));
  await vi.waitFor(async () => expect(await spread()).toBe(1), { timeout: 10_000 });
  mesh.apply(...services);
  await vi.waitFor(async () => expect(await spread()).toBe(3), { timeout: 10_000 });
}, 40_000);
