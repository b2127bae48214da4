import { createServer, request } from 'node:http';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Routes whose backends are in order of preference, as the clients behind a sidecar see them. */
let mesh: TestMesh;
/** Which pods have had the request that says it is so. */
let had: string[] = [];
/** What `first-b` answers requests for `eject`. */
let ejectStatus = 200;

const accrual = 'balancer.linkerd.io/failure-accrual';
const service = (name: string, selector: object, annotations: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'test', annotations },
  spec: { selector, ports: [{ name: 'http', port: 8080 }] },
});
const route = (name: string, annotations: object, ...backends: string[]) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'test', annotations: { 'tulle.dev/backends': 'in-order', ...annotations } },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name, port: 8080 }],
    rules: [{ backendRefs: backends.map((backend) => ({ name: backend, port: 8080 })) }],
  },
});
const mirrorTo = (name: string) => ({ type: 'RequestMirror', requestMirror: { backendRef: { name, port: 8080 } } });
/** Copies go to `first-a` by the rule and by the backend that has endpoints, to `first-b` by the one that has none. */
const copied = {
  ...route('copied', {}),
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'copied', port: 8080 }],
    rules: [
      {
        filters: [mirrorTo('kill')],
        backendRefs: [
          { name: 'nobody', port: 8080, filters: [mirrorTo('eject')] },
          { name: 'spare', port: 8080, filters: [mirrorTo('kill')] },
        ],
      },
    ],
  },
};
const retried = { 'retry.linkerd.io/http': '5xx', 'retry.linkerd.io/limit': '3' };
const objects = [
  service('kill', { only: 'a' }),
  service('eject', { only: 'b' }, { [accrual]: 'consecutive', [`${accrual}-consecutive-max-failures`]: '3' }),
  service('share', { app: 'first' }),
  service('spare', { app: 'second' }),
  service('nobody', { app: 'nobody' }),
  service('early', { app: 'nobody' }),
  service('copied', { app: 'nobody' }),
  route('kill', retried, 'kill', 'spare'),
  route('eject', retried, 'eject', 'spare'),
  route('share', { 'tulle.dev/failover-below': '60%' }, 'share', 'spare'),
  route('early', {}, 'missing', 'nobody', 'spare'),
  route('nobody', {}, 'nobody', 'early'),
  copied,
];

beforeAll(async () => {
  mesh = await TestMesh.start(
    [
      { name: 'client' },
      { name: 'first-a', ports: [8080], labels: { app: 'first', only: 'a' } },
      { name: 'first-b', ports: [8080], labels: { app: 'first', only: 'b' } },
      { name: 'second', ports: [8080] },
    ],
    objects,
  );
  for (const pod of ['first-a', 'first-b', 'second']) {
    const answer = createServer((asked, response) => {
      if (asked.headers.host?.startsWith('copied')) had.push(pod);
      const isFailing = pod === 'first-b' && asked.headers.host?.startsWith('eject');
      response.writeHead(isFailing ? ejectStatus : 200).end(pod);
    });
    await mesh.serve(pod, 8080, answer);
  }
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

interface Answered {
  readonly status: number | undefined;
  readonly body: string;
  readonly error: unknown;
}

const ask = (of: string): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const headers = { host: `${of}.test:8080` };
    const asked = request({ host: mesh.ip('client'), port: 4140, headers, agent: false });
    asked.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, body, error: response.headers['l5d-proxy-error'] }),
      );
    });
    asked.end();
  });

/** Asks again and again, 100 times a second, until what it returns is called, which tells what was answered. */
function load(of: string): () => Promise<Answered[]> {
  const answers: Promise<Answered>[] = [];
  const timer = setInterval(() => answers.push(ask(of)), 10);
  return () => {
    clearInterval(timer);
    return Promise.all(answers);
  };
}

const isServedBy = (of: string, pod: string, timeout = 25_000): Promise<void> =>
  vi.waitFor(async () => expect((await ask(of)).body).toBe(pod), { timeout, interval: 50 });
const failed = (answers: readonly Answered[]): Answered[] => answers.filter(({ status }) => status !== 200);
const inUse = (of: string, backend: string): Promise<number> =>
  mesh.metric('client', 'outbound_route_failover_backend', `route_name="${of}"`, `backend_name="${backend}"`);
const switches = (of: string, backend: string): Promise<number> =>
  mesh.metric('client', 'outbound_route_failover_switches_total', `route_name="${of}"`, `backend_name="${backend}"`);

it('all goes to the first backend; when it is killed under load to the next, and back by itself, and none fails', async () => {
  await isServedBy('kill', 'first-a');
  expect([await inUse('kill', 'kill'), await inUse('kill', 'spare')]).toEqual([1, 0]);
  const before = [await switches('kill', 'spare'), await switches('kill', 'kill')];
  const end = load('kill');
  process.kill(mesh.pid('first-a', 'tulle-proxy'), 'SIGKILL');
  await isServedBy('kill', 'second');
  expect([await inUse('kill', 'kill'), await inUse('kill', 'spare')]).toEqual([0, 1]);
  await isServedBy('kill', 'first-a');
  const all = await end();
  expect(all.length).toBeGreaterThan(300);
  expect(failed(all)).toEqual([]);
  // Once each; on a machine that stands still for a second, once more.
  const [over, back] = [await switches('kill', 'spare'), await switches('kill', 'kill')];
  expect(over).toBeGreaterThan(before[0]);
  expect(over - before[0]).toBeLessThan(4);
  expect(back - before[1]).toBe(over - before[0]);
  const log = mesh.log('client', 'tulle-proxy');
  expect(log).toMatch(/route fails over to another backend.*HTTPRoute kill.*test\/kill:8080.*test\/spare:8080/);
  expect(log).toMatch(/route is back at a backend that it prefers.*HTTPRoute kill/);
}, 60_000);

it('what a circuit breaker has ejected is left for the next backend, and used again when it has recovered', async () => {
  await isServedBy('eject', 'first-b');
  ejectStatus = 500;
  const before = [await switches('eject', 'spare'), await switches('eject', 'eject')];
  const end = load('eject');
  await isServedBy('eject', 'second');
  ejectStatus = 200;
  await isServedBy('eject', 'first-b');
  const all = await end();
  expect(failed(all)).toEqual([]);
  expect([await switches('eject', 'spare'), await switches('eject', 'eject')]).toEqual(
    before.map((count) => count + 1),
  );
}, 60_000);

it('a share of ready endpoints below the minimum is too few, though those that are left would do', async () => {
  await vi.waitFor(async () => expect(['first-a', 'first-b']).toContain((await ask('share')).body), {
    timeout: 20_000,
  });
  const { body } = await mesh.admin('client', '/debug/routes');
  expect(body.replaceAll(/\s/g, '')).toContain('"choose":"first","minReady":0.6');
  const pid = mesh.pid('first-b', 'tulle-proxy');
  process.kill(pid, 'SIGSTOP');
  try {
    await isServedBy('share', 'second');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await vi.waitFor(async () => expect(['first-a', 'first-b']).toContain((await ask('share')).body), {
    timeout: 30_000,
  });
}, 90_000);

it('one that is missing and one without endpoints are passed over at once', async () => {
  const startMs = performance.now();
  expect(await ask('early')).toMatchObject({ status: 200, body: 'second' });
  expect(performance.now() - startMs).toBeLessThan(2000);
});

it('a request is copied by the rule, and by the backend that has it, and not by one that it has waited for in vain', async () => {
  // The first request is sent to the first backend, of which nothing is known yet; those after it are not.
  for (let i = 0; i < 2; i++) {
    had = [];
    expect(await ask('copied')).toMatchObject({ status: 200, body: 'second' });
    const inTime = { timeout: 5000, interval: 20 };
    await vi.waitFor(() => expect([...had].sort()).toEqual(['first-a', 'first-a', 'second']), inTime);
  }
  const copies = (to: string) =>
    mesh.metric('client', 'outbound_http_route_mirror_copies_total', 'route_name="copied"', `backend_name="${to}"`);
  expect([await copies('kill'), await copies('eject')]).toEqual([4, 0]);
});

it('the time that a backend without endpoints had a request wait is no fault that was injected', async () => {
  expect(await mesh.metric('client', 'outbound_http_faults_injected_total')).toBe(0);
});

it('an order that changes under load is the one that holds in the end, and no request fails', async () => {
  const others = objects.filter(({ kind, metadata }) => kind !== 'HTTPRoute' || metadata.name !== 'kill');
  const end = load('kill');
  for (let i = 0; i < 20; i++) {
    const annotations = i % 3 === 0 ? { 'tulle.dev/failover-below': `${50 + i}%` } : {};
    const [first, second] = i % 2 === 0 ? ['spare', 'kill'] : ['kill', 'spare'];
    mesh.apply(...others, route('kill', { ...retried, ...annotations }, first, second));
    await isServedBy('kill', i % 2 === 0 ? 'second' : 'first-a');
  }
  expect(failed(await end())).toEqual([]);
}, 60_000);

it('where none has an endpoint requests fail as those of the first do', async () => {
  expect(await ask('nobody')).toMatchObject({ status: 504, error: expect.stringContaining('nobody.test') });
}, 20_000);
