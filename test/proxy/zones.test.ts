import { createServer, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh, type Workload } from './test-mesh.ts';

/** Endpoints of two zones, as the sidecars of a client in each see to them. */
let mesh: TestMesh;
const pods = { 'pod-a1': 'a', 'pod-a2': 'a', 'pod-b1': 'b', 'pod-b2': 'b' } as const;
/** How many requests the pods of each zone have had. */
const had = { a: 0, b: 0 };

const zoneOf = 'topology.kubernetes.io/zone';
const zones = 'balancer.tulle.dev/zones';
const service = (name: string, annotations: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'test', annotations },
  spec: { selector: { app: 'pod' }, ports: [{ name: 'http', port: 8080 }] },
});
const services = [service('web', { [zones]: 'prefer' }), service('plain', {})];

beforeAll(async () => {
  const workloads: Workload[] = [
    { name: 'client-a', labels: { [zoneOf]: 'a' } },
    { name: 'client-b', labels: { [zoneOf]: 'b' } },
    ...Object.entries(pods).map(([name, zone]) => ({
      name,
      ports: [8080],
      labels: { app: 'pod', [zoneOf]: zone },
    })),
  ];
  mesh = await TestMesh.start(workloads, services);
  for (const [name, zone] of Object.entries(pods)) {
    const server = createServer((asked, response) => {
      had[zone]++;
      const answer = () => void response.end(zone);
      if (asked.headers['x-slow'] === undefined) answer();
      else setTimeout(answer, 50);
    });
    await mesh.serve(name, 8080, server);
  }
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

function call(of: string, headers: Record<string, string> = {}, client = 'client-a'): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const all = { host: `${of}.test:8080`, ...headers };
  const asked = request({ host: mesh.ip(client), port: 4140, headers: all, agent: false });
  asked.on('error', reject).on('response', (response) => {
    let body = '';
    response
      .on('data', (chunk) => {
        body += chunk;
      })
      .on('end', () => resolve(response.statusCode === 200 ? body : `${response.statusCode} ${body}`));
  });
  asked.end();
  return promise;
}
/** The zones that answer so many requests, one after the other. */
async function answered(count: number, of = 'web', client = 'client-a'): Promise<Set<string>> {
  const found = new Set<string>();
  for (let i = 0; i < count; i++) found.add(await call(of, {}, client));
  return found;
}
const onlyOwn = () =>
  vi.waitFor(async () => expect(await answered(50)).toEqual(new Set(['a'])), { timeout: 20_000, interval: 200 });

it('requests stay in the zone of their client', async () => {
  // Where machines are busy another zone may be connected first, and has what comes until then.
  await onlyOwn();
  await vi.waitFor(async () => expect(await answered(50, 'web', 'client-b')).toEqual(new Set(['b'])), 20_000);
  const counted = () =>
    Promise.all(
      ['local', 'remote'].map((each) => mesh.metric('client-a', 'request_total', `dst_zone_locality="${each}"`)),
    );
  const [local, remote] = await counted();
  expect(await answered(100)).toEqual(new Set(['a']));
  expect(await counted()).toEqual([local + 100, remote]);
  expect(await answered(100, 'web', 'client-b')).toEqual(new Set(['b']));
}, 60_000);

it('a Service that says nothing of zones has its requests go to all of them', async () => {
  const zonesOf = async () =>
    new Set(await Promise.all(Array.from({ length: 40 }, () => call('plain', { 'x-slow': '1' }))));
  await vi.waitFor(async () => expect(await zonesOf()).toEqual(new Set(['a', 'b'])), 10_000);
}, 20_000);

// Before any other zone has helped: one that does is not let go by a load in between.
it('a load that the own zone can carry stays there', async () => {
  await onlyOwn();
  had.b = 0;
  const clients = Array.from({ length: 3 }, async () => {
    for (let i = 0; i < 40; i++) await call('web', { 'x-slow': '1' });
  });
  await Promise.all(clients);
  expect(had.b).toBe(0);
}, 60_000);

it('other zones help when the load of the own one is too high, and no longer when that is over', async () => {
  await onlyOwn();
  had.b = 0;
  let isOver = false;
  const clients = Array.from({ length: 16 }, async () => {
    while (!isOver) expect(await call('web', { 'x-slow': '1' })).toMatch(/^[ab]$/);
  });
  await vi.waitFor(() => expect(had.b).toBeGreaterThan(0), 10_000);
  had.a = 0;
  had.b = 0;
  await vi.waitFor(() => expect(had.a + had.b).toBeGreaterThan(400), 20_000);
  isOver = true;
  await Promise.all(clients);
  // Sixteen at a time are four for each of all four endpoints: each has its part.
  expect(had.b / (had.a + had.b)).toBeGreaterThan(0.25);
  expect(had.b / (had.a + had.b)).toBeLessThan(0.75);
  await onlyOwn();
}, 60_000);

it('when the own zone is dead the others have everything within a second, and it has it back when it lives', async () => {
  await onlyOwn();
  const diedMs = performance.now();
  for (const name of ['pod-a1', 'pod-a2']) process.kill(mesh.pid(name, 'tulle-proxy'), 'SIGKILL');
  // What was under way with them may fail, and nothing after it.
  let first: string | undefined;
  while (first !== 'b') {
    first = await call('web').catch(() => undefined);
    expect(performance.now() - diedMs).toBeLessThan(1000);
    await wait(5);
  }
  for (let i = 0; i < 20; i++) expect(await call('web')).toMatch(/^[ab]$/);
  await onlyOwn();
}, 60_000);

it('what the Service says holds as soon as it says it, and no longer', async () => {
  const spread = async () =>
    new Set(await Promise.all(Array.from({ length: 40 }, () => call('web', { 'x-slow': '1' }))));
  mesh.apply(service('web', {}), service('plain', {}));
  await vi.waitFor(async () => {
    expect(await spread()).toEqual(new Set(['a', 'b']));
    expect((await answered(40)).size).toBe(2);
  }, 10_000);
  mesh.apply(...services);
  await onlyOwn();
}, 60_000);
