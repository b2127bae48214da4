import { createServer, request } from 'node:http';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** A ServiceProfile tells routes apart: the sidecar of the client counts requests by them. */
let mesh: TestMesh;
const host = 'server.test:8080';
const fullName = 'server.test.svc.cluster.local';

const profile = (routes: object[]) => ({
  apiVersion: 'linkerd.io/v1alpha2',
  kind: 'ServiceProfile',
  metadata: { name: fullName, namespace: 'test' },
  spec: { routes },
});
const orders = {
  name: '/orders/{id}',
  condition: { method: 'GET', pathRegex: '/orders/[^/]*' },
  responseClasses: [{ condition: { status: { min: 404, max: 404 } }, isFailure: true }],
};

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080] }]);
  mesh.apply(profile([orders, { name: '/login', condition: { pathRegex: '/login' } }]));
  const server = createServer((asked, response) => {
    response.writeHead(Number(new URL(asked.url ?? '/', 'http://server').searchParams.get('status') ?? 200)).end();
  });
  await mesh.serve('server', 8080, server);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

const call = (path: string, method = 'GET'): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: mesh.ip('client'), port: 4140, path, method, headers: { host }, agent: false });
    asked.on('response', (response) => resolve(response.resume().statusCode));
    asked.on('error', reject);
    asked.end();
  });
const dst = `dst="${fullName}:8080"`;
const counted = (name: string, ...labels: string[]) =>
  mesh.metric('client', name, 'direction="outbound"', dst, ...labels);

it('requests are counted by route, method and path; the others on the default route', async () => {
  await vi.waitFor(async () => {
    await call('/login');
    expect(await counted('route_request_total', 'rt_route="/login"')).toBeGreaterThan(0);
  }, 10_000);
  const before = await counted('route_request_total');
  for (const path of ['/orders/1', '/orders/2?full', '/orders/3?status=500', '/orders/1/lines']) await call(path);
  await call('/orders/4', 'POST');
  expect(await counted('route_request_total')).toBe(before + 5);
  expect(await counted('route_request_total', 'rt_route="/orders/{id}"')).toBe(3);
  const ofOrders = ['rt_route="/orders/{id}"', 'status_code="500"'];
  expect(await counted('route_response_total', ...ofOrders, 'classification="failure"')).toBe(1);
  expect(await counted('route_response_latency_ms_count', ...ofOrders)).toBe(1);
});

it('a response class of the profile says what a failure is, on the route and beyond', async () => {
  const failures = () =>
    Promise.all([
      counted('route_response_total', 'rt_route="/orders/{id}"', 'status_code="404"', 'classification="failure"'),
      mesh.metric('client', 'response_total', 'status_code="404"', 'classification="failure"'),
      counted('route_response_total', 'rt_route="/login"', 'status_code="404"', 'classification="success"'),
    ]);
  const before = await failures();
  await call('/orders/9?status=404');
  await call('/login?status=404');
  expect(await failures()).toEqual(before.map((count) => count + 1));
});

it('another profile counts from then on, and what was counted stays', async () => {
  mesh.apply(profile([{ name: 'all', condition: { pathRegex: '/.*' } }]));
  await vi.waitFor(async () => {
    await call('/login');
    expect(await counted('route_request_total', 'rt_route="all"')).toBeGreaterThan(0);
  }, 10_000);
  expect(await counted('route_request_total', 'rt_route="/login"')).toBeGreaterThan(0);
});
