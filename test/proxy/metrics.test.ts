import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';
import { openTunnel } from './tunnel.ts';

/** Everything that docs/metrics.md names, told by two sidecars of which one calls the other in each way there is. */
let mesh: TestMesh;
const soon = { timeout: 15_000, interval: 100 };
const policy = 'policy.linkerd.io';
const meta = (name: string, annotations: Record<string, string> = {}) => ({ name, namespace: 'test', annotations });
const service = (name: string, port = 8080) => [{ group: '', kind: 'Service', name, port }];
const route = (kind: string, name: string, spec: object, annotations: Record<string, string> = {}) => ({
  apiVersion: `gateway.networking.k8s.io/${kind === 'TLSRoute' || kind === 'TCPRoute' ? 'v1alpha2' : 'v1'}`,
  kind,
  metadata: meta(name, annotations),
  spec: { parentRefs: service(name), ...spec },
});
const server = (app: string, port: number, proxyProtocol: string, accessPolicy = 'all-unauthenticated') => ({
  apiVersion: `${policy}/v1beta3`,
  kind: 'Server',
  metadata: meta(app),
  spec: { podSelector: { matchLabels: { app } }, port, proxyProtocol, accessPolicy },
});
const retried = { 'retry.linkerd.io/http': '503', 'retry.linkerd.io/limit': '2' };
const ejecting = {
  'balancer.linkerd.io/failure-accrual': 'consecutive',
  'balancer.linkerd.io/failure-accrual-consecutive-max-failures': '2',
};
const mirror = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'plain', port: 8080 } } };
const objects = [
  route('HTTPRoute', 'web', { rules: [{ filters: [mirror], backendRefs: [{ name: 'web', port: 8080 }] }] }, retried),
  route(
    'GRPCRoute',
    'rpc',
    { rules: [{ backendRefs: [{ name: 'rpc', port: 8080 }] }] },
    {
      'retry.linkerd.io/grpc': 'unavailable',
    },
  ),
  route('TLSRoute', 'secret', { rules: [{ backendRefs: [{ name: 'secret', port: 8080 }] }] }),
  {
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: meta('profiled.test.svc.cluster.local'),
    spec: { routes: [{ name: 'all', condition: { pathRegex: '/.*' }, isRetryable: true }] },
  },
  server('rpc', 8080, 'gRPC'),
  server('shut', 8080, 'unknown', 'deny'),
  server('mail', 2525, 'opaque'),
  server('limited', 8080, 'HTTP/1'),
  {
    apiVersion: `${policy}/v1alpha1`,
    kind: 'HTTPLocalRateLimitPolicy',
    metadata: meta('limited'),
    spec: { targetRef: { group: policy, kind: 'Server', name: 'limited' }, total: { requestsPerSecond: 1 } },
  },
  {
    apiVersion: `${policy}/v1beta3`,
    kind: 'HTTPRoute',
    metadata: meta('limited'),
    spec: {
      parentRefs: [{ group: policy, kind: 'Server', name: 'limited' }],
      rules: [{ matches: [{ path: { value: '/known' } }] }],
    },
  },
];
/** Statuses of the next answers; then 200. */
const answers: number[] = [];
let grpcClient: Client;
const mail = createTcpServer((socket) => socket.on('error', () => {}).pipe(socket));

beforeAll(async () => {
  mesh = await TestMesh.start(
    [
      { name: 'client' },
      ...['web', 'plain', 'profiled', 'rpc', 'limited', 'shut', 'secret'].map((name) => ({ name, ports: [8080] })),
      { name: 'failing', ports: [8080], annotations: ejecting },
      { name: 'mail', ports: [2525], annotations: { 'config.linkerd.io/opaque-ports': '2525' } },
    ],
    objects,
  );
  const http = (name: string) =>
    mesh.serve(
      name,
      8080,
      createServer((asked, response) => {
        // Copies that a mirror gets are no request of anybody's.
        const status = name === 'failing' ? 503 : name === 'plain' ? 200 : (answers.shift() ?? 200);
        asked.resume().on('end', () => response.writeHead(status).end('hello'));
      }),
    );
  for (const name of ['web', 'plain', 'profiled', 'limited', 'shut', 'failing']) await http(name);
  let calls = 0;
  await mesh.serve(
    'rpc',
    8080,
    createHttp2((asked, response) => {
      response.writeHead(200, { 'content-type': 'application/grpc' });
      response.addTrailers({ 'grpc-status': calls++ === 0 ? '14' : '0' });
      if (calls > 1) response.write(Buffer.from([0, 0, 0, 0, 1, 65]));
      asked.resume().on('end', () => response.end());
    }),
  );
  await mesh.serve(
    'secret',
    8080,
    createTlsServer(mesh.issue('secret.example'), (socket) => socket.end('secret')),
  );
  await mesh.serve('mail', 2525, mail);
  await mesh.ready();
  process.env['grpc_proxy'] = `http://${mesh.ip('client')}:4140`;
  grpcClient = new Client('rpc.test:8080', credentials.createInsecure());
}, 90_000);
afterAll(async () => {
  delete process.env['grpc_proxy'];
  grpcClient?.close();
  await mesh.stop();
});

const call = (name: string, { path = '/', body = '' } = {}): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const headers = { host: name.includes(':') ? name : `${name}.test:8080` };
    const method = body === '' ? 'GET' : 'POST';
    const asked = request({ host: mesh.ip('client'), port: 4140, path, method, headers, agent: false });
    asked.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode)));
    asked.on('error', reject).end(body);
  });
const rpc = (): Promise<boolean> =>
  new Promise((resolve) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const deadline = Date.now() + 5000;
    grpcClient.makeUnaryRequest('/a.B/C', same, same, Buffer.from('hello'), { deadline }, (error) => resolve(!error));
  });
const proxy = () => ({ host: mesh.ip('client'), port: 4140 });
const counted = (name: string, ...labels: string[]) => mesh.metric('client', name, ...labels);

async function useAll(): Promise<void> {
  await vi.waitFor(async () => {
    answers.push(503);
    expect(await call('web', { body: 'x'.repeat(3000) })).toBe(200);
    expect(await counted('outbound_http_route_retry_successes_total')).toBeGreaterThan(0);
  }, soon);
  answers.push(503, 503, 503);
  expect(await call('web')).toBe(503);
  expect(await call('plain')).toBe(200);
  await vi.waitFor(async () => {
    answers.push(500);
    expect(await call('profiled')).toBe(200);
    expect(await counted('route_retryable_total')).toBeGreaterThan(0);
  }, soon);
  await vi.waitFor(async () => {
    expect(await rpc()).toBe(true);
    expect(await counted('outbound_grpc_route_request_statuses_total')).toBeGreaterThan(0);
    expect(await mesh.metric('rpc', 'inbound_grpc_requests_total')).toBeGreaterThan(0);
  }, soon);
  for (let i = 0; i < 3; i++) await call('failing');
  await vi.waitFor(async () => expect(await call('shut')).toBe(403), soon);
  await vi.waitFor(async () => expect(await call('limited', { path: '/unknown' })).toBe(404), soon);
  await vi.waitFor(async () => expect(await call('limited', { path: '/known' })).toBe(429), soon);
  await vi.waitFor(async () => {
    const socket = tlsConnect({
      socket: await openTunnel(proxy(), 'secret.test:8080'),
      servername: 'secret.example',
      rejectUnauthorized: false,
    });
    await new Promise((resolve) => socket.on('error', resolve).on('close', resolve).resume());
    expect(await counted('outbound_tls_route_close_total')).toBeGreaterThan(0);
  }, soon);
  await tcp();
}

/** Opaque connections: one that is let in, and one that a change of policy ends, and then refuses. */
async function tcp(): Promise<void> {
  const socket = await openTunnel(proxy(), 'mail.test:2525');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => {
    socket.once('data', resolve).write('hello');
  });
  // Its application is away.
  mail.close();
  await ended('mail.test:2525');
  const denying = objects.map((object) =>
    object.kind === 'Server' && object.metadata.name === 'mail' ? server('mail', 2525, 'opaque', 'deny') : object,
  );
  mesh.apply(...denying);
  await closed;
  // Its endpoint may still be left alone for the failure before.
  await vi.waitFor(async () => {
    await ended('mail.test:2525');
    expect(await mesh.metric('mail', 'inbound_tcp_authz_deny_total')).toBeGreaterThan(0);
  }, soon);
  await new Promise((resolve) => connect(4140, mesh.ip('client')).end('no http').on('close', resolve).resume());
  expect(await call('nobody:x')).toBe(400);
}

/** Says something to a target, which does not take it. */
async function ended(target: string): Promise<void> {
  const socket = await openTunnel(proxy(), target);
  socket.write('hello');
  await new Promise((resolve) => socket.on('error', resolve).once('close', resolve));
}

const page = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
const [always, sometimes] = page.split('## Only where it is set, or happens');
const rows = (part: string): string[][] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
const names = (cell: string): string[] => [...cell.matchAll(/`([a-z_0-9*]+)`/g)].map(([, name]) => name);
const groups = new Map(
  page
    .split('\n')
    .filter((line) => /^\| [a-z]+ \| `/.test(line))
    .map((line) => line.split('|').slice(1, -1))
    .map(([group, labels]) => [group.trim(), names(labels)]),
);
/** Families of a part of the page, with their types and the labels that they may have. */
const documented = (part: string) =>
  new Map(
    rows(part).map(([family, type, of, more]) => {
      const labels = of.split(',').flatMap((group) => groups.get(group.trim()) ?? []);
      return [names(family)[0], { type, labels: new Set([...labels, ...names(more)]) }];
    }),
  );
const rare = documented(sometimes);

/** Families of a scrape, with their types and the labels that samples have. */
function familiesOf(scrapes: readonly string[]) {
  const families = new Map<string, { type: string; labels: Set<string> }>();
  for (const line of scrapes.flatMap((text) => text.split('\n'))) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && !families.has(name)) families.set(name, { type, labels: new Set() });
    const [, sample, labels = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (sample === undefined) continue;
    const family = families.get(sample) ?? families.get(sample.replace(/_(bucket|sum|count)$/, ''));
    expect(family, `the family of ${line}`).toBeDefined();
    for (const [, label] of labels.matchAll(/([a-z_0-9]+)="(?:[^"\\]|\\.)*"/g)) {
      family?.labels.add(label.replace(/^dst_.*/, 'dst_*').replace(/^rt_.*/, 'rt_*'));
    }
  }
  return families;
}

describe('a scrape', () => {
  let told: ReturnType<typeof familiesOf>;
  let scrapes: string[];
  beforeAll(async () => {
    await useAll();
    const pods = ['client', 'web', 'rpc', 'limited', 'shut', 'mail'];
    scrapes = (await Promise.all(pods.map((pod) => mesh.admin(pod, '/metrics')))).map(({ body }) => body);
    told = familiesOf(scrapes);
  }, 90_000);

  it('has every family that the page names, of its type, and no other', () => {
    const types = (families: ReadonlyMap<string, { type: string }>) =>
      [...families].map(([name, { type }]) => `${name} ${type}`).toSorted();
    expect(types(new Map([...told].filter(([name]) => !rare.has(name))))).toEqual(types(documented(always)));
  });

  it('tells each family once, with its samples behind its head', () => {
    for (const text of scrapes) {
      const heads = text.split('\n').filter((line) => line.startsWith('# TYPE '));
      expect(heads.length).toBe(new Set(heads).size);
    }
  });

  it('has no label that the page does not name', () => {
    const all = documented(page);
    for (const [name, { labels }] of told) {
      const known = all.get(name)?.labels ?? new Set();
      expect(
        [...labels].filter((label) => label !== 'le' && !known.has(label)),
        name,
      ).toEqual([]);
    }
  });

  // linkerd2: viz/metrics-api/{stat_summary,top_routes,edges,policy}.go and grafana/dashboards/*.json.
  it.each([
    [
      'response_total',
      ['direction', 'classification', 'tls', 'authority', 'dst_*', 'srv_kind', 'srv_name', 'authz_name', 'route_name'],
    ],
    ['request_total', ['direction', 'tls', 'dst_*']],
    ['response_latency_ms', ['direction', 'authority', 'dst_*', 'le']],
    ['tcp_open_connections', ['direction', 'peer', 'server_id', 'client_id', 'no_tls_reason', 'dst_*']],
    ['tcp_close_total', ['direction', 'peer']],
    ['tcp_read_bytes_total', ['direction', 'peer']],
    ['tcp_write_bytes_total', ['direction', 'peer']],
    ['route_response_total', ['direction', 'dst', 'rt_*', 'classification']],
    ['route_actual_response_total', ['direction', 'dst', 'rt_*', 'classification']],
    ['route_response_latency_ms', ['direction', 'dst', 'rt_*', 'le']],
    [
      'inbound_http_authz_allow_total',
      ['srv_kind', 'srv_name', 'route_kind', 'route_name', 'authz_kind', 'authz_name', 'tls'],
    ],
    ['inbound_http_authz_deny_total', ['srv_kind', 'srv_name', 'tls']],
    [
      'outbound_http_route_request_statuses_total',
      ['parent_name', 'parent_port', 'route_name', 'route_kind', 'http_status', 'error'],
    ],
    ['outbound_http_route_request_duration_seconds', ['parent_name', 'parent_port', 'route_name', 'route_kind', 'le']],
    [
      'outbound_http_route_backend_response_statuses_total',
      ['parent_name', 'backend_name', 'backend_port', 'route_name', 'route_kind', 'http_status', 'error'],
    ],
    [
      'outbound_grpc_route_backend_response_statuses_total',
      ['parent_name', 'backend_name', 'route_name', 'grpc_status', 'error'],
    ],
    ['outbound_http_route_retry_requests_total', ['parent_name', 'parent_port', 'route_name', 'route_kind']],
    ['outbound_http_balancer_endpoints', ['backend_name', 'backend_namespace', 'endpoint_state']],
  ])('%s has what dashboards tell it apart by', (family, labels) => {
    expect(labels.filter((label) => !told.get(family)?.labels.has(label))).toEqual([]);
  });

  it('says what was done: by route, backend and try, at the client and at the server', async () => {
    const of = (...labels: string[]) => ['parent_name="web"', 'route_name="web"', 'route_kind="HTTPRoute"', ...labels];
    const plain = ['parent_name="plain"', 'route_kind="default"', 'route_name="http"'];
    const before = await Promise.all([
      counted('outbound_http_route_request_statuses_total', ...of('http_status="200"')),
      counted('outbound_http_route_backend_requests_total', ...of('backend_name="web"')),
      counted('outbound_http_route_backend_response_statuses_total', ...of('http_status="503"')),
      counted('outbound_http_route_request_statuses_total', ...plain, 'http_status="200"'),
      mesh.metric('web', 'inbound_http_statuses_total', 'status="200"'),
      mesh.metric('web', 'inbound_http_response_frame_size_bytes_sum'),
    ]);
    answers.push(503, 503);
    expect([await call('web'), await call('plain')]).toEqual([200, 200]);
    const after = await Promise.all([
      counted('outbound_http_route_request_statuses_total', ...of('http_status="200"')),
      counted('outbound_http_route_backend_requests_total', ...of('backend_name="web"')),
      counted('outbound_http_route_backend_response_statuses_total', ...of('http_status="503"')),
      counted('outbound_http_route_request_statuses_total', ...plain, 'http_status="200"'),
      mesh.metric('web', 'inbound_http_statuses_total', 'status="200"'),
      mesh.metric('web', 'inbound_http_response_frame_size_bytes_sum'),
    ]);
    expect(after.map((value, i) => value - before[i])).toEqual([1, 3, 2, 1, 1, 15]);
    const profile = ['rt_route="all"', 'direction="outbound"'];
    const [requests, tries] = await Promise.all([
      counted('route_request_total', ...profile),
      counted('route_actual_request_total', ...profile),
    ]);
    expect(tries).toBeGreaterThan(requests);
    expect(await counted('route_actual_response_total', ...profile, 'classification="failure"')).toBe(tries - requests);
    expect(await counted('control_response_total', 'classification="success"', 'tls="true"')).toBeGreaterThan(0);
  });
});
