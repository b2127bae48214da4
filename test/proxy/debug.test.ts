import { Agent, createServer, request } from 'node:http';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** What a sidecar tells of what it knows now, for who looks for why a request went where it did. */
let mesh: TestMesh;
const agent = new Agent({ keepAlive: true });

const gateway = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' };
const objects = [
  {
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { name: 'server', namespace: 'test' },
    spec: { podSelector: { matchLabels: { app: 'server' } }, port: 8080, accessPolicy: 'all-authenticated' },
  },
  {
    ...gateway,
    metadata: { name: 'split', namespace: 'test' },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'server', port: 8080 }],
      rules: [
        {
          matches: [
            { path: { type: 'RegularExpression', value: '/v[12]/.*' }, headers: [{ name: 'x-a', value: 'b' }] },
          ],
          timeouts: { request: '5s' },
          backendRefs: [
            { name: 'server', port: 8080, weight: 9 },
            { name: 'missing', port: 8080 },
          ],
        },
        { backendRefs: [{ name: 'server', port: 8080 }] },
      ],
    },
  },
];

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080] }], objects);
  await mesh.serve(
    'server',
    8080,
    createServer((_, response) => response.end('hello')),
  );
  await mesh.ready();
  await ask();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});

const ask = (): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const headers = { host: 'server.test:8080' };
    const asked = request({ host: mesh.ip('client'), port: 4140, path: '/', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    asked.on('error', reject);
    asked.end();
  });

type Told = Record<string, unknown>;
async function page(workload: string, name: string): Promise<Told[]> {
  const { status, body } = await mesh.admin(workload, `/debug/${name}`);
  expect(status).toBe(200);
  return (JSON.parse(body) as Record<string, Told[]>)[name];
}

it('/debug/connections tells who is connected, as whom, and how', async () => {
  expect(await page('client', 'connections')).toMatchObject([{ carries: 'http1', tls: false, requests: 0 }]);
  const [inbound] = await page('server', 'connections');
  expect(inbound).toMatchObject({ carries: 'http2', tls: true });
  expect(inbound['clientIdentity']).toMatch(/^client\.test\.serviceaccount\./);
  expect(inbound['openMs']).toBeTypeOf('number');
});

it('/debug/destinations tells where a target leads, and how its endpoints fare', async () => {
  await vi.waitFor(async () => {
    const target = (await page('client', 'destinations')).find(({ target }) =>
      String(target).startsWith('server.test'),
    );
    const [backend] = (target?.['backends'] ?? []) as Told[];
    expect(backend).toMatchObject({ service: 'server.test.svc.cluster.local:8080', ready: 1, total: 1, waiting: 0 });
    const [endpoint] = backend['endpoints'] as Told[];
    expect(endpoint).toMatchObject({ state: 'ready', inFlight: 0, http2: true });
    expect(endpoint['address']).toContain(mesh.ip('server'));
    expect(endpoint['identity']).toMatch(/^server\.test\.serviceaccount\./);
  });
});

it('/debug/routes tells the rules of what goes out, in the order in which they are looked at', async () => {
  await vi.waitFor(async () => {
    const target = (await page('client', 'routes')).find(({ target }) => String(target).startsWith('server.test'));
    expect(target).toMatchObject({ direction: 'outbound', parent: 'core/Service/server' });
    const [first, second] = (target?.['rules'] as { http1: Told[] } | undefined)?.http1 ?? [];
    const route = 'gateway.networking.k8s.io/HTTPRoute/split';
    expect(first).toMatchObject({
      route,
      match: { path: 'fits /v[12]/.*', headers: ['x-a: b'] },
      timeouts: { requestMs: 5000 },
      backends: { choose: 'random', among: [{ weight: 9 }, { to: 'nowhere: there is no such thing', weight: 1 }] },
    });
    expect(second).toMatchObject({ route, backends: { among: [{ to: 'server.test.svc.cluster.local:8080' }] } });
  });
});

it('/debug/routes tells the policy of what comes in', async () => {
  const port = (await page('server', 'routes')).find(({ port }) => port === 8080);
  expect(port).toMatchObject({
    direction: 'inbound',
    server: 'policy.linkerd.io/server/server',
    protocol: 'detect',
    authorizations: [{ networks: [{ network: '0.0.0.0/0' }, { network: '::/0' }] }],
  });
});

it('another page is not found', async () => {
  for (const name of ['', 'toString', 'heap']) expect((await mesh.admin('client', `/debug/${name}`)).status).toBe(404);
});
