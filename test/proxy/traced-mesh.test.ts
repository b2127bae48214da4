import { Agent, createServer, request } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { otlpGrpcCollector, type ReceivedSpan, type TestCollector, zipkinCollector } from '../traces/collectors.ts';
import { TestMesh } from './test-mesh.ts';

const port = 8080;
const meshPort = 4143;
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

let mesh: TestMesh;
/** Each behind a sidecar of its own. */
let zipkin: TestCollector;
let otlp: TestCollector;
const ways: Server[] = [];

/** A port of this host that leads somewhere later: sidecars are told of it before pods have addresses. */
async function wayTo(carry: (socket: Socket) => void): Promise<number> {
  const server = createTcpServer((socket) => carry(socket.on('error', () => {})));
  ways.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const toSidecarOf = (workload: string) => (socket: Socket) => {
  const upstream = connect(meshPort, mesh.ip(workload));
  socket.on('close', () => upstream.destroy()).pipe(upstream);
  upstream.on('error', () => socket.destroy()).pipe(socket);
};

const identity = (account: string): string => `${account}.test.serviceaccount.identity.tulle.cluster.local`;

/** Takes spans from whoever comes, with a good certificate of the mesh, which is somebody else's. */
let impostor: HttpsServer;
let tookByImpostor = 0;

const toZipkin = (at: number, account: string) => ({
  'config.tulle.dev/trace-collector': `127.0.0.1:${at}`,
  'config.tulle.dev/trace-collector-protocol': 'zipkin',
  'config.tulle.dev/trace-collector-service-account': account,
});

const group = 'gateway.networking.k8s.io';
const ofService = { group: 'core', kind: 'Service', name: 'web', port };
const ofServer = { group: 'policy.linkerd.io', kind: 'Server', name: 'web' };
const route = (name: string, parent: object, path: string, sampleRate?: string) => ({
  apiVersion: `${group}/v1`,
  kind: 'HTTPRoute',
  metadata: {
    name,
    namespace: 'test',
    annotations: sampleRate === undefined ? {} : { 'tracing.tulle.dev/sample-rate': sampleRate },
  },
  spec: { parentRefs: [parent], rules: [{ matches: [{ path: { type: 'PathPrefix', value: path } }] }] },
});
const objects = [
  {
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { name: 'web', namespace: 'test' },
    spec: { podSelector: { matchLabels: { app: 'web' } }, port, accessPolicy: 'all-unauthenticated' },
  },
  route('traced', ofService, '/traced', '1'),
  route('silent', ofService, '/silent', '0'),
  route('rest', ofService, '/'),
  route('health', ofServer, '/health', '0'),
  route('all', ofServer, '/'),
];

beforeAll(async () => {
  const toCollector = await wayTo(toSidecarOf('zipkin'));
  const toOtlp = await wayTo(toSidecarOf('otlp'));
  const toImpostor = await wayTo((socket) => impostor.emit('connection', socket));
  const annotations = toZipkin(toCollector, 'zipkin');
  mesh = await TestMesh.start(
    [
      { name: 'client', annotations },
      {
        name: 'otlp-client',
        annotations: {
          'config.tulle.dev/trace-collector': `127.0.0.1:${toOtlp}`,
          'config.tulle.dev/trace-collector-service-account': 'otlp',
        },
      },
      { name: 'deceived', annotations: toZipkin(toImpostor, 'zipkin') },
      { name: 'mistaken', annotations: toZipkin(toCollector, 'otlp') },
      { name: 'web', ports: [port], annotations: { ...annotations, 'config.tulle.dev/trace-sample-rate': '1' } },
      { name: 'zipkin', ports: [9411] },
      { name: 'otlp', ports: [4317] },
    ],
    objects,
  );
  impostor = createHttpsServer(mesh.issue(identity('impostor')), (_, response) => {
    tookByImpostor++;
    response.writeHead(202).end();
  });
  zipkin = await zipkinCollector(9411, mesh.ip('zipkin'));
  otlp = await otlpGrpcCollector(4317, mesh.ip('otlp'));
  await mesh.serve(
    'web',
    port,
    createServer((_, response) => response.end('hello')),
  );
  await mesh.ready();
}, 90_000);

afterAll(async () => {
  await mesh.stop();
  await Promise.all([zipkin.stop(), otlp.stop()]);
  for (const way of ways) way.close();
  impostor.closeAllConnections();
}, 60_000);

function call(workload: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = `http://web.test.svc.cluster.local:${port}${path}`;
    const agent = new Agent({ keepAlive: false });
    const asked = request({ host: mesh.ip(workload), port: 4140, path: url, headers, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const sampled = { traceparent: `00-${traceId}-${parentId}-01` };
const until = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 15_000, interval: 50 });
const shown = ({ service, kind }: ReceivedSpan): string => `${service} ${kind}`;
const routeSaying = (rate: string): object => route('silent', ofService, '/silent', rate);

/** As the client's sidecar has it; undefined where the route is known without. */
async function rateOf(name: string): Promise<number | undefined> {
  const { body } = await mesh.admin('client', '/debug/routes');
  const rates: (number | undefined)[] = [];
  JSON.parse(body, (_key, value) => {
    if (value?.route === `${group}/HTTPRoute/${name}`) rates.push(value.traceSampleRate);
    return value;
  });
  if (rates.length === 0) throw new Error(`no route ${name} is known`);
  return rates[0];
}

const spansOf = (path: string): ReceivedSpan[] =>
  zipkin.spans.filter(({ attributes }) => attributes['url.path'] === path);

describe('a route', () => {
  it('has traces of its requests begin, which those who come after follow', async () => {
    expect(await call('client', '/traced/a')).toBe(200);
    await until(() => expect(spansOf('/traced/a').map(shown).toSorted()).toEqual(['client client', 'web server']));
    const [client, server] = spansOf('/traced/a').toSorted((a, b) => shown(a).localeCompare(shown(b)));
    expect(client).toMatchObject({ parentId: '', attributes: { 'tulle.route': 'HTTPRoute/traced' } });
    expect(server).toMatchObject({ parentId: client.spanId, traceId: client.traceId });
  });

  it('that says no stands before the rate of whoever comes after', async () => {
    expect(await call('client', '/silent/b')).toBe(200);
    // Without a word of the route it is the server's sidecar that decides, and that records all.
    expect(await call('client', '/other/b')).toBe(200);
    await until(() => expect(spansOf('/other/b').map(shown)).toEqual(['web server']));
    expect(spansOf('/silent/b')).toEqual([]);
  });

  it('of what comes in stands before the rate of its workload', async () => {
    expect(await call('client', '/health')).toBe(200);
    expect(await call('client', '/other/c')).toBe(200);
    await until(() => expect(spansOf('/other/c').length).toBe(1));
    expect(spansOf('/health')).toEqual([]);
  });

  it('decides nothing about a request that brings a decision', async () => {
    expect(await call('client', '/silent/d', sampled)).toBe(200);
    expect(await call('client', '/traced/d', { traceparent: `00-${traceId}-${parentId}-00` })).toBe(200);
    await until(() => expect(spansOf('/silent/d').length).toBe(2));
    expect(spansOf('/traced/d')).toEqual([]);
  });

  it('may change its mind while it is in use, and holds without what cannot be read', async () => {
    const say = (rate: string) =>
      mesh.apply(
        ...objects.map((each) => (each.metadata.name === 'silent' ? { ...each, ...routeSaying(rate) } : each)),
      );
    say('1');
    await until(async () => expect(await rateOf('silent')).toBe(1));
    expect(await call('client', '/silent/e')).toBe(200);
    say('all');
    await until(async () => expect(await rateOf('silent')).toBeUndefined());
    expect(await call('client', '/silent/f')).toBe(200);
    await until(() => expect(spansOf('/silent/e').length).toBe(2));
    await until(() => expect(spansOf('/silent/f').map(shown)).toEqual(['web server']));
  });
});

describe('a collector in the mesh', () => {
  it('is spoken to by mutual TLS, by Zipkin’s protocol and by OTLP over gRPC', async () => {
    for (const client of ['client', 'otlp-client']) expect(await call(client, '/tls', sampled)).toBe(200);
    await until(() => expect(spansOf('/tls').map(shown)).toContain('client client'));
    await until(() => expect(otlp.spans.map(shown)).toEqual(['otlp-client client']));
    for (const [collector, client] of [
      ['zipkin', 'client'],
      ['otlp', 'otlp-client'],
    ]) {
      const proof = `client_id="${identity(client)}"`;
      const proved = await mesh.metric(collector, 'request_total', 'direction="inbound"', 'tls="true"', proof);
      expect(proved).toBeGreaterThan(0);
      expect(await mesh.metric(collector, 'request_total', 'direction="inbound"', 'tls="no_identity"')).toBe(0);
    }
  });

  it.each([
    ['proves to be somebody else', 'deceived', identity('impostor')],
    ['has a sidecar of another identity', 'mistaken', 'SSL routines'],
  ])('that %s gets no span, which is counted and told', async (_name, client, cause) => {
    expect(await call(client, `/${client}`, sampled)).toBe(200);
    const dropped = () => mesh.metric(client, 'trace_spans_dropped_total', 'reason="unavailable"');
    await until(async () => expect(await dropped()).toBe(1));
    const [told] = /spans are not taken.*/.exec(mesh.log(client, 'tulle-proxy')) ?? [];
    expect(told).toContain(cause);
    expect(tookByImpostor).toBe(0);
    expect(spansOf(`/${client}`).map(shown)).toEqual(['web server']);
  });
});
