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
  service('kept', {}),
];

const to = (name: string, tag: string) => ({
  name,
  port: 8080,
  filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-backend', value: tag }] } }],
});
const at = (value: string, sessionPersistence: object, ...backendRefs: object[]) => ({
  matches: [{ path: { type: 'PathPrefix', value } }],
  backendRefs,
  sessionPersistence,
});
const cookieConfig = { lifetimeType: 'Permanent' };
const kept = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'kept', namespace: 'test' },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'kept', port: 8080 }],
    rules: [
      at('/cookie', { sessionName: 'seat', absoluteTimeout: '1h', cookieConfig }, to('kept', 'a')),
      at('/header', { type: 'Header', sessionName: 'X-Seat' }, to('kept', 'a')),
      at('/split', {}, to('kept', 'a'), to('plain', 'b')),
      // No sidecar follows that.
      at('/wrong', { sessionName: 'seat', idleTimeout: '1m' }, to('kept', 'a')),
    ],
  },
};

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
  mesh = await TestMesh.start(workloads, [...services, kept]);
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
  it('each user has a pod, and the sidecars of all clients choose the same', async () => {
    // Both have just started, and are connected to nobody: on a busy machine a pod may be waited for too long at first.
    const one = await vi.waitFor(
      async () => {
        const [first, another] = await Promise.all([homes('client'), homes('other')]);
        expect(another).toEqual(first);
        return first;
      },
      { timeout: 20_000 },
    );
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

describe('a rule with sessions', () => {
  const pair = (cookie: string): string => cookie.split(';')[0];
  const given = ({ headers }: Answer): string | undefined => headers['set-cookie']?.[0];

  it('has a client come back to who has answered it, through any sidecar, and tells it nothing new', async () => {
    const slow = { 'x-slow': '1' };
    let all: Answer[] = [];
    // Its sidecar has just heard of the route, and is connected to one pod after the other.
    await vi.waitFor(async () => {
      all = await Promise.all(Array.from({ length: 8 }, () => call('client', 'kept', slow, '/cookie/a')));
      expect(all.every((each) => given(each) !== undefined)).toBe(true);
      expect(new Set(all.map(({ pod }) => pod)).size).toBeGreaterThan(1);
    }, 20_000);
    for (const first of all) {
      expect(given(first)).toMatch(/^seat=[0-9a-z]+-[0-9a-z]+-[0-9a-z]+; Max-Age=3600; Path=\/cookie; HttpOnly$/);
      for (const client of ['client', 'other', 'client']) {
        const back = await call(client, 'kept', { cookie: `theme=dark; ${pair(given(first)!)}` }, '/cookie/b');
        expect([back.status, back.pod, given(back)]).toEqual([200, first.pod, undefined]);
      }
    }
  }, 40_000);

  it('has it come back by a header, where that carries sessions', async () => {
    const first = await call('client', 'kept', {}, '/header');
    const seat = String(first.headers['x-seat']);
    expect(seat).toMatch(/^[0-9a-z]+-[0-9a-z]+$/);
    for (let i = 0; i < 6; i++) {
      const back = await call('other', 'kept', { 'x-seat': seat }, '/header');
      expect([back.pod, back.headers['x-seat']]).toEqual([first.pod, undefined]);
    }
  }, 20_000);

  it('has it come back to the same of its backends, whatever their weights choose for others', async () => {
    const seen = new Set<unknown>();
    for (let i = 0; i < 8; i++) {
      const first = await call('client', 'kept', {}, '/split');
      expect(given(first)).toMatch(/^tulle-session-[0-9a-f]{12}=[0-9a-z]+-[0-9a-z]+; Path=\/split; HttpOnly$/);
      const where = ({ pod, headers }: Answer) => [pod, headers['x-backend']];
      for (let j = 0; j < 4; j++) {
        const back = await call(j % 2 === 0 ? 'other' : 'client', 'kept', { cookie: pair(given(first)!) }, '/split');
        expect(where(back)).toEqual(where(first));
      }
      seen.add(first.headers['x-backend']);
    }
    expect(seen).toEqual(new Set(['a', 'b']));
  }, 20_000);

  it('gives it to another where its own is away, and it stays there', async () => {
    const first = await call('client', 'kept', {}, '/cookie');
    const server = servers.get(first.pod)!;
    server.close();
    server.closeAllConnections();
    let moved: Answer | undefined;
    await vi.waitFor(async () => {
      moved = await call('client', 'kept', { cookie: pair(given(first)!) }, '/cookie');
      expect(moved.status).toBe(200);
    }, 10_000);
    expect(moved!.pod).not.toBe(first.pod);
    const cookie = pair(given(moved!)!);
    await serve(first.pod);
    for (let i = 0; i < 6; i++) expect((await call('client', 'kept', { cookie }, '/cookie')).pod).toBe(moved!.pod);
    // One that is back has its own sessions again.
    const back = async () => (await call('client', 'kept', { cookie: pair(given(first)!) }, '/cookie')).pod;
    await vi.waitFor(async () => expect(await back()).toBe(first.pod), { timeout: 20_000, interval: 50 });
  }, 60_000);

  it.each(['', 'x', '0-0', '0-0-0', 'zzzzzzz-zzzzzzz-zzzzzzzz', '1-2-3-4', '"1-2-3"', `${'9'.repeat(4000)}-1-1`])(
    'takes %j for no session, and gives one',
    async (text) => {
      const answer = await call('client', 'kept', { cookie: `seat=${text}` }, '/cookie');
      expect([answer.status, given(answer)]).toEqual([200, expect.stringMatching(/^seat=/)]);
    },
  );

  it('which nobody can keep serves its requests without', async () => {
    const answer = await call('client', 'kept', {}, '/wrong');
    expect([answer.status, given(answer)]).toEqual([200, undefined]);
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
  mesh.apply(...others, kept, service('plain', { [affinity]: 'header:x-user' }));
  await vi.waitFor(async () => expect(await spread()).toBe(1), { timeout: 10_000 });
  mesh.apply(...services, kept);
  await vi.waitFor(async () => expect(await spread()).toBe(3), { timeout: 10_000 });
}, 40_000);
