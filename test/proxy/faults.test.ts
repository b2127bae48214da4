import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { connect, createServer as createHttp2 } from 'node:http2';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Faults that rules of routes name, on both sides, as clients behind sidecars see them. */
let mesh: TestMesh;
/** Requests that the application of `web` got, by path. */
const reached = new Map<string, number>();

const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'test' },
  spec,
});
const fault = (name: string, spec: object) => object('tulle.dev/v1alpha1', 'FaultInjection', name, spec);
const faulty = (name: string) => [
  { type: 'ExtensionRef', extensionRef: { group: 'tulle.dev', kind: 'FaultInjection', name } },
];
const route = (kind: string, name: string, parent: object, rules: object[]) =>
  object('gateway.networking.k8s.io/v1', kind, name, { parentRefs: [parent], rules });
const toService = (name: string) => ({ group: '', kind: 'Service', name, port: 8080 });
const at = (value: string, name: string) => ({
  matches: [{ path: { type: 'PathPrefix', value } }],
  filters: faulty(name),
});
const accrual = 'balancer.linkerd.io/failure-accrual';

const faults = [
  fault('slow', { delay: { fixedDelay: '400ms' } }),
  fault('broken', { abort: { httpStatus: 503, grpcStatus: 'UNAVAILABLE' } }),
  fault('both', {
    delay: { fixedDelay: '400ms' },
    abort: { httpStatus: 418, grpcStatus: 'DATA_LOSS', percentage: 100 },
  }),
  fault('some', { abort: { httpStatus: 503, percentage: 30 } }),
];
const routes = [
  route('HTTPRoute', 'web', toService('web'), [
    at('/slow', 'slow'),
    at('/broken', 'broken'),
    at('/both', 'both'),
    at('/some', 'some'),
    at('/missing', 'late'),
    {},
  ]),
  route('GRPCRoute', 'grpc', toService('grpc'), [
    { matches: [{ method: { service: 'a.Slow' } }], filters: faulty('both') },
    { matches: [{ method: { service: 'a.Broken' } }], filters: faulty('broken') },
    {},
  ]),
  object('policy.linkerd.io/v1beta3', 'Server', 'inbound', {
    podSelector: { matchLabels: { app: 'inbound' } },
    port: 8080,
    accessPolicy: 'all-unauthenticated',
  }),
  route('HTTPRoute', 'inbound', { group: 'policy.linkerd.io', kind: 'Server', name: 'inbound' }, [
    at('/slow', 'slow'),
    at('/broken', 'broken'),
    {},
  ]),
];

beforeAll(async () => {
  mesh = await TestMesh.start(
    [
      { name: 'client' },
      { name: 'web', ports: [8080] },
      { name: 'grpc', ports: [8080] },
      {
        name: 'inbound',
        ports: [8080],
        annotations: { [accrual]: 'consecutive', [`${accrual}-consecutive-max-failures`]: '2' },
      },
    ],
    [...faults, ...routes],
  );
  for (const pod of ['web', 'inbound']) {
    const app = createServer((asked, response) => {
      const path = asked.url ?? '';
      reached.set(path, (reached.get(path) ?? 0) + 1);
      response.end('it works');
    });
    await mesh.serve(pod, 8080, app);
  }
  const grpc = createHttp2();
  grpc.on('stream', (stream) =>
    stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true }),
  );
  await mesh.serve('grpc', 8080, grpc);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

interface Answered {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly ms: number;
}

function ask(of: string, path: string): Promise<Answered> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { host: `${of}.test:8080` };
    const asked = request({ host: mesh.ip('client'), port: 4140, path, headers, agent: false });
    asked.on('error', reject).on('response', (response) => {
      response.resume().on('end', () => {
        const { statusCode: status, headers } = response;
        resolve({ status, headers, ms: performance.now() - startMs });
      });
    });
    asked.end();
  });
}

/** The rules have come, and hold. */
const holds = (of: string): Promise<void> =>
  vi.waitFor(async () => expect((await ask(of, '/broken')).status).toBe(503), { timeout: 20_000 });

it('a delay has the requests of its rule wait, and no others', async () => {
  await holds('web');
  const slow = await ask('web', '/slow');
  expect(slow).toMatchObject({ status: 200 });
  expect(slow.ms).toBeGreaterThan(395);
  expect((await ask('web', '/')).ms).toBeLessThan(390);
  expect(await mesh.metric('client', 'outbound_http_faults_injected_total', 'fault="delay"')).toBeGreaterThan(0);
});

it('an abort answers the requests of its rule, tells what it is, and asks no endpoint', async () => {
  await holds('web');
  const before = await mesh.metric('client', 'outbound_http_faults_injected_total', 'fault="abort"');
  const { status, headers } = await ask('web', '/broken');
  expect([status, headers['l5d-proxy-error']]).toEqual([503, 'injected by FaultInjection test/broken']);
  expect(reached.has('/broken')).toBe(false);
  expect(await mesh.metric('client', 'outbound_http_faults_injected_total', 'fault="abort"')).toBe(before + 1);
  expect(await mesh.metric('client', 'outbound_http_errors_total', 'error="injected"')).toBeGreaterThan(0);
});

it('with both the request waits before it fails', async () => {
  await holds('web');
  const both = await ask('web', '/both');
  expect(both.status).toBe(418);
  expect(both.ms).toBeGreaterThan(395);
});

it('a share is that share, seen from outside', async () => {
  await holds('web');
  let failed = 0;
  for (let i = 0; i < 40; i++) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('web', '/some')));
    failed += answers.filter(({ status }) => status === 503).length;
  }
  // Beyond four standard deviations.
  expect(Math.abs(failed / 2000 - 0.3)).toBeLessThan(0.045);
  expect(reached.get('/some')).toBe(2000 - failed);
}, 60_000);

it('a gRPC call fails in trailers alone, as by a server', async () => {
  const session = connect(`http://${mesh.ip('client')}:4140`);
  const call = (path: string): Promise<{ headers: Record<string, unknown>; ended: boolean; ms: number }> =>
    new Promise((resolve, reject) => {
      const startMs = performance.now();
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        ':authority': 'grpc.test:8080',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', reject).on('response', (headers, flags) => {
        // END_STREAM (RFC 9113 section 6.2): nothing follows.
        resolve({ headers, ended: (flags & 1) === 1, ms: performance.now() - startMs });
      });
      stream.resume().end();
    });
  try {
    await vi.waitFor(async () => expect((await call('/a.Broken/Do')).headers['grpc-status']).toBe('14'), {
      timeout: 20_000,
    });
    const broken = await call('/a.Broken/Do');
    expect(broken).toMatchObject({
      ended: true,
      headers: { ':status': 200, 'grpc-message': 'injected by FaultInjection test/broken' },
    });
    const slow = await call('/a.Slow/Do');
    expect(slow).toMatchObject({ ended: true, headers: { 'grpc-status': '15' } });
    expect(slow.ms).toBeGreaterThan(395);
    expect((await call('/a.Other/Do')).headers['grpc-status']).toBe('0');
  } finally {
    session.close();
  }
});

it('at a Server the sidecar of who is called does it, and no breaker takes it for a failure of the endpoint', async () => {
  await holds('inbound');
  for (let i = 0; i < 10; i++) {
    const { status, headers } = await ask('inbound', '/broken');
    expect([status, headers['l5d-proxy-error']]).toEqual([
      503,
      'its proxy failed it: injected by FaultInjection test/broken',
    ]);
  }
  expect((await ask('inbound', '/')).status).toBe(200);
  expect((await ask('inbound', '/slow')).ms).toBeGreaterThan(395);
  expect(await mesh.metric('client', 'outbound_http_balancer_ejections_total')).toBe(0);
  expect(await mesh.metric('inbound', 'inbound_http_faults_injected_total', 'fault="abort"')).toBeGreaterThan(9);
  expect(await mesh.metric('inbound', 'inbound_http_faults_injected_total', 'fault="delay"')).toBe(1);
});

it('one that is not there fails the requests of its rule alone, until it is', async () => {
  await holds('web');
  const { status, headers } = await ask('web', '/missing');
  expect([status, headers['l5d-proxy-error']]).toEqual([500, 'there is no FaultInjection test/late']);
  expect((await ask('web', '/')).status).toBe(200);
  mesh.apply(...faults, ...routes, fault('late', { delay: { fixedDelay: '1ms' } }));
  await vi.waitFor(async () => expect((await ask('web', '/missing')).status).toBe(200), { timeout: 10_000 });
});

it('a client that leaves while it waits leaves nothing behind', async () => {
  mesh.apply(...faults, ...routes, fault('late', { delay: { fixedDelay: '1h' } }));
  await vi.waitFor(async () => {
    const headers = { host: 'web.test:8080' };
    const asked = request({ host: mesh.ip('client'), port: 4140, path: '/missing', headers, agent: false });
    asked.on('error', () => {});
    asked.end();
    const isWaiting = () => mesh.metric('client', 'outbound_http_requests_in_flight');
    await vi.waitFor(async () => expect(await isWaiting()).toBeGreaterThan(0), { timeout: 1000 });
    asked.destroy();
    await vi.waitFor(async () => expect(await isWaiting()).toBe(0), { timeout: 5000 });
  }, 15_000);
}, 20_000);

it('one that changes under load is the old one or the new one for each request', async () => {
  const seen = new Set<number | undefined>();
  const done = new AbortController();
  const load = (async () => {
    while (!done.signal.aborted)
      for (const { status } of await Promise.all([1, 2, 3].map(() => ask('web', '/some')))) seen.add(status);
  })();
  const others = faults.filter(({ metadata }) => metadata.name !== 'some');
  for (let i = 0; i < 20; i++) {
    const httpStatus = i % 2 === 0 ? 502 : 503;
    mesh.apply(...others, ...routes, fault('some', { abort: { httpStatus } }));
    await vi.waitFor(async () => expect((await ask('web', '/some')).status).toBe(httpStatus), { timeout: 10_000 });
  }
  done.abort();
  await load;
  expect([...seen].filter((status) => ![200, 502, 503].includes(status ?? 0))).toEqual([]);
}, 60_000);
