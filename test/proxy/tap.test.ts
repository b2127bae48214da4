import { readdirSync, readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { availableParallelism } from 'node:os';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ObserveRequest_MatchSchema } from '../../api/gen/tap_pb.js';
import { partOf, partsOf, type Tapped, tap, tapIdentity, tapThrough } from './tap-client.ts';
import { TestMesh } from './test-mesh.ts';

/** What a tap at the control port of a sidecar tells of the requests that pass it: real sidecars, a real client. */
let mesh: TestMesh;
let own: { key: string; cert: string };
const waiting = { timeout: 10_000, interval: 20 };

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'server', ports: [8080, 8081] },
    {
      name: 'tapped',
      ports: [8080],
      annotations: {
        'config.tulle.dev/proxy-additional-env': JSON.stringify([
          { name: 'LINKERD2_PROXY_TAP_SVC_NAME', value: 'client.test.serviceaccount.identity.tulle.cluster.local' },
        ]),
      },
    },
    { name: 'private', ports: [8080], annotations: { 'viz.linkerd.io/disable-tap': 'true' } },
    {
      name: 'wide',
      ports: [8080],
      annotations: {
        'config.tulle.dev/tap-bodies': 'enabled',
        'config.tulle.dev/proxy-additional-env': JSON.stringify([{ name: 'LINKERD2_PROXY_CORES', value: '2' }]),
      },
    },
  ]);
  const answer = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url!, 'http://server');
    if (pathname === '/cut') {
      response.write('some');
      setImmediate(() => response.destroy());
      return;
    }
    response.statusCode = pathname.startsWith('/bad') ? 503 : 200;
    response.setHeader('set-cookie', 'session=secret');
    response.setHeader('x-answer', 'yes');
    response.end('hello');
  });
  const grpc = createHttp2Server((_incoming, response) => {
    response.writeHead(200, { 'content-type': 'application/grpc' });
    response.addTrailers({ 'grpc-status': '7', 'x-why': 'no' });
    response.end(Buffer.from([0, 0, 0, 0, 0]));
  });
  await mesh.serve('server', 8080, answer);
  await mesh.serve('server', 8081, grpc as never);
  await mesh.serve(
    'private',
    8080,
    createServer((_, response) => response.end()),
  );
  await mesh.serve(
    'tapped',
    8080,
    createServer((_, response) => response.end()),
  );
  await mesh.serve(
    'wide',
    8080,
    createServer((_, response) => response.end('hello')),
  );
  await mesh.ready();
  own = mesh.issue(tapIdentity);
}, 60_000);
afterAll(() => mesh.stop());

type Match = MessageInitShape<typeof ObserveRequest_MatchSchema>;
const all: Match = { match: { case: 'all', value: { matches: [] } } };
const path = (prefix: string): Match => ({
  match: { case: 'http', value: { match: { case: 'path', value: { match: { case: 'prefix', value: prefix } } } } },
});

/** Taps until the test is over; requests that come after it are told. */
async function tapping(workload: string, requested: Parameters<typeof tap>[2]): Promise<Tapped> {
  const tapped = tap(mesh, workload, requested, own);
  onTestFinished(() => tapped.cancel());
  await vi.waitFor(() => expect(tapped.begun).toBe(true), waiting);
  return tapped;
}

interface Ask {
  readonly from?: string;
  readonly host?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
}

function ask({ from = 'client', host = 'server.test:8080', headers = {}, ...rest }: Ask = {}): Promise<number> {
  return new Promise((resolve) => {
    request({ host: mesh.ip(from), port: 4140, headers: { host, ...headers }, agent: false, ...rest }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.statusCode!));
    })
      .on('error', () => resolve(0))
      .end();
  });
}

const ended = (tapped: Tapped, count = 1) =>
  vi.waitFor(() => expect(partsOf(tapped.events, 'responseEnd')).toHaveLength(count), waiting);

describe('a tap tells', () => {
  it('of a request that comes in: who asks, for what, and what it was answered', async () => {
    const tapped = await tapping('server', { limit: 100, match: path('/in') });
    await ask({ path: '/in?token=secret' });
    await ended(tapped);
    expect(tapped.events.map((event) => partOf(event).case)).toEqual(['requestInit', 'responseInit', 'responseEnd']);
    const [event] = tapped.events;
    expect(event.proxyDirection).toBe(1);
    expect(event.sourceMeta?.labels).toEqual({
      tls: 'true',
      client_id: 'client.test.serviceaccount.identity.tulle.cluster.local',
    });
    expect(event.destination?.port).toBe(8080);
    expect(event.decision?.authorization?.kind).toEqual({ case: 'default', value: 'all-unauthenticated' });
    const [init] = partsOf(tapped.events, 'requestInit');
    expect(init).toMatchObject({ authority: 'server.test:8080', path: '/in' });
    expect(init.headers).toBeUndefined();
    expect(init.method?.type).toEqual({ case: 'registered', value: 0 });
    const [response] = partsOf(tapped.events, 'responseInit');
    expect(response.httpStatus).toBe(200);
    const [end] = partsOf(tapped.events, 'responseEnd');
    expect(end).toMatchObject({ responseBytes: 5n, outcome: { tries: 1, failure: '' } });
    expect(end.sinceRequestInit!.seconds * 1_000_000_000n + BigInt(end.sinceRequestInit!.nanos)).toBeGreaterThan(0n);
    expect(new Set([init, response, end].map(({ id }) => `${id?.base} ${id?.stream}`)).size).toBe(1);
  });

  it('of a request that goes out: the endpoint that it went to, and by whose identity', async () => {
    const tapped = await tapping('client', { limit: 100, match: path('/out') });
    await ask({ path: '/out', headers: { traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` } });
    await ended(tapped);
    const [event] = tapped.events;
    expect(event.proxyDirection).toBe(2);
    expect(event.destinationMeta?.labels).toMatchObject({
      tls: 'true',
      server_id: 'server.test.serviceaccount.identity.tulle.cluster.local',
      deployment: 'server',
    });
    expect(event.decision?.traceId).toBe('ab'.repeat(16));
  });

  it('of what matches alone, by labels of the endpoint, fields and statuses too', async () => {
    const matches: [Match, string][] = [
      [{ match: { case: 'destinationLabel', value: { key: 'deployment', value: 'server' } } }, '/good /bad'],
      [{ match: { case: 'destinationLabel', value: { key: 'deployment', value: 'other' } } }, ''],
      [{ match: { case: 'more', value: { match: { case: 'status', value: { min: 500, max: 599 } } } } }, '/bad'],
      [{ match: { case: 'more', value: { match: { case: 'requestHeader', value: { name: 'x-mark' } } } } }, '/good'],
    ];
    const taps = await Promise.all(matches.map(([match]) => tapping('client', { limit: 100, match })));
    await ask({ path: '/good', headers: { 'x-mark': '1' } });
    await ask({ path: '/bad' });
    await ended(taps[0], 2);
    await ended(taps[2]);
    expect(
      taps.map(({ events }) =>
        partsOf(events, 'requestInit')
          .map((init) => init.path)
          .join(' '),
      ),
    ).toEqual(matches.map(([, told]) => told));
  });

  it('of gRPC calls by the status that comes at their end, whole', async () => {
    const grpcStatus = { min: 7, max: 7 };
    const match: Match = { match: { case: 'more', value: { match: { case: 'grpcStatus', value: grpcStatus } } } };
    const tapped = await tapping('server', { limit: 10, match, extract: headersToo });
    const { connect } = await import('node:http2');
    const session = connect(`http://${mesh.ip('client')}:4140`);
    onTestFinished(() => session.destroy());
    const call = session.request({
      ':method': 'POST',
      ':path': '/shop.Cart/Add',
      ':authority': 'server.test:8081',
      'content-type': 'application/grpc',
    });
    call.end();
    call.resume();
    await ended(tapped);
    expect(tapped.events.map((event) => partOf(event).case)).toEqual(['requestInit', 'responseInit', 'responseEnd']);
    const [end] = partsOf(tapped.events, 'responseEnd');
    expect(end.eos?.end).toEqual({ case: 'grpcStatusCode', value: 7 });
    expect(end.trailers?.headers.map(({ name }) => name)).toEqual(['grpc-status', 'x-why']);
  });

  const headersToo = {
    extract: { case: 'http' as const, value: { extract: { case: 'headers' as const, value: {} } } },
  };

  it('header fields where it is asked to, and never what is secret in them', async () => {
    const tapped = await tapping('server', { limit: 10, match: path('/fields'), extract: headersToo });
    await ask({
      path: '/fields',
      headers: { authorization: 'Bearer secret', cookie: 'a=secret', 'x-api-key': 'secret', 'x-name': 'anna' },
    });
    await ended(tapped);
    const shown = (headers: { headers: { name: string; value: Uint8Array }[] } | undefined) =>
      Object.fromEntries(headers!.headers.map(({ name, value }) => [name, Buffer.from(value).toString()]));
    expect(shown(partsOf(tapped.events, 'requestInit')[0].headers)).toMatchObject({
      authorization: '(masked)',
      cookie: '(masked)',
      'x-api-key': '(masked)',
      'x-name': 'anna',
    });
    const response = shown(partsOf(tapped.events, 'responseInit')[0].headers);
    expect(response).toMatchObject({ 'set-cookie': '(masked)', 'x-answer': 'yes' });
    expect(JSON.stringify(tapped.events, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
      Buffer.from('secret').toString('base64'),
    );
  });

  it('of requests that policy refuses, and why', async () => {
    mesh.apply({
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name: 'closed', namespace: 'test' },
      spec: { podSelector: { matchLabels: { app: 'server' } }, port: 8080, accessPolicy: 'deny' },
    });
    onTestFinished(() => mesh.apply());
    await vi.waitFor(async () => expect(await ask({ path: '/' })).toBe(403), waiting);
    const tapped = await tapping('server', { limit: 10, match: path('/refused') });
    await ask({ path: '/refused' });
    await ended(tapped);
    expect(partsOf(tapped.events, 'responseInit')[0].httpStatus).toBe(403);
    expect(partsOf(tapped.events, 'responseEnd')[0].outcome).toMatchObject({
      tries: 0,
      failure: 'unauthorized',
      message: 'the client is not authorized',
    });
    mesh.apply();
    await vi.waitFor(async () => expect(await ask({ path: '/' })).toBe(200), waiting);
  });

  it('of requests that end in the middle, and of those that no endpoint takes', async () => {
    const tapped = await tapping('client', { limit: 10, match: path('/cut') });
    await ask({ path: '/cut' });
    await ended(tapped);
    expect(partsOf(tapped.events, 'responseEnd')[0].eos?.end.case).toBe('resetErrorCode');
    const lost = await tapping('client', { limit: 10, match: path('/lost') });
    expect(await ask({ path: '/lost', host: 'server.test:9' })).toBe(403);
    await ended(lost);
    expect(partsOf(lost.events, 'responseInit')[0].httpStatus).toBe(403);
    expect(partsOf(lost.events, 'responseEnd')[0].outcome?.failure).toBe('forbidden');
  });

  it('of as many requests as it is to, then ends', async () => {
    const tapped = await tapping('server', { limit: 3, match: path('/some') });
    for (let i = 0; i < 10; i++) await ask({ path: '/some' });
    await vi.waitFor(() => expect(tapped.ended).toEqual([0, '']), waiting);
    expect(partsOf(tapped.events, 'requestInit')).toHaveLength(3);
    expect(partsOf(tapped.events, 'responseEnd')).toHaveLength(3);
    await vi.waitFor(async () => expect(await mesh.metric('server', 'proxy_taps_open')).toBe(0), waiting);
  });

  it('of the part of them that is asked for', async () => {
    const sample = { numerator: 0, denominator: 10 };
    const none = await tapping('server', { limit: 10, match: path('/part'), options: { sample } });
    const every = await tapping('server', { limit: 10, match: path('/part') });
    await ask({ path: '/part' });
    await ended(every);
    expect(none.events).toEqual([]);
  });
});

describe('who taps', () => {
  it('may leave it to its own sidecar to find the other one, and to prove who it is, as the tap component does', async () => {
    const tapped = tapThrough(mesh, 'client', 'tapped', { limit: 1, match: path('/through') });
    onTestFinished(() => tapped.cancel());
    await vi.waitFor(() => expect(tapped.begun).toBe(true), waiting);
    await ask({ host: 'tapped.test:8080', path: '/through' });
    await vi.waitFor(() => expect(tapped.ended).toEqual([0, '']), waiting);
    expect(partsOf(tapped.events, 'requestInit')[0].path).toBe('/through');
    const refused = tapThrough(mesh, 'client', 'server', { limit: 1, match: all });
    await vi.waitFor(() => expect(refused.ended?.[0]).toBe(7), waiting);
  });
});

describe('a tap is refused', () => {
  const refusal = async (tapped: Tapped) => {
    await vi.waitFor(() => expect(tapped.ended).toBeDefined(), waiting);
    return tapped.ended;
  };
  const any = { limit: 1, match: all };

  it('where it asks for nothing that can be', async () => {
    expect(await refusal(tap(mesh, 'server', { match: all }, own))).toEqual([3, 'limit must be positive']);
    expect(await refusal(tap(mesh, 'server', { limit: 1 }, own))).toEqual([3, 'missing required field']);
    let deep: Match = all;
    for (let i = 0; i < 60; i++) deep = { match: { case: 'not', value: deep } };
    expect((await refusal(tap(mesh, 'server', { limit: 1, match: deep }, own)))?.[0]).toBe(3);
    const long = { limit: 1, match: path('x'.repeat(70_000)) };
    expect((await refusal(tap(mesh, 'server', long, own)))?.[0]).toBe(3);
  });

  it('beyond so many at once', async () => {
    const taps = Array.from({ length: 16 }, () => tap(mesh, 'server', { limit: 1, match: path('/never') }, own));
    for (const each of taps) onTestFinished(() => each.cancel());
    await vi.waitFor(async () => expect(await mesh.metric('server', 'proxy_taps_open')).toBe(16), waiting);
    expect(await refusal(tap(mesh, 'server', any, own))).toEqual([8, 'there are 16 taps already']);
    for (const each of taps) each.cancel();
    await vi.waitFor(async () => expect(await mesh.metric('server', 'proxy_taps_open')).toBe(0), waiting);
  });

  it('where the workload is not to be tapped: nothing listens', async () => {
    expect((await refusal(tap(mesh, 'private', any, own)))?.[0]).toBe(14);
  });
});

describe('a tap that does not read', () => {
  it('misses events, is told how many, and costs requests nothing', async () => {
    const missed = () => mesh.metric('server', 'proxy_tap_events_missed_total');
    const tapped = await tapping('server', { limit: 10_000, match: path('/long') });
    tapped.pause();
    const agent = new Agent({ keepAlive: true, maxSockets: 10 });
    onTestFinished(() => agent.destroy());
    const long = (): Promise<number>[] =>
      Array.from({ length: 100 }, () => ask({ path: `/long${'x'.repeat(4000)}`, agent }));
    await vi.waitFor(async () => {
      expect(new Set(await Promise.all(long()))).toEqual(new Set([200]));
      expect(await missed()).toBeGreaterThan(0);
    }, waiting);
    tapped.resume();
    await vi.waitFor(async () => {
      await ask({ path: '/long' });
      expect(Number(tapped.events.at(-1)?.missedEvents)).toBe(await missed());
    }, waiting);
  });
});

describe.skipIf(availableParallelism() < 2)('a tap on a proxy of two processes (skipped on a host of one core)', () => {
  const children = (pid: number): number[] =>
    readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  /** Many connections, which the kernel spreads over both. */
  const askOften = async (count: number, path: string): Promise<void> => {
    await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<void>((resolve, reject) => {
            request(
              { host: mesh.ip('wide'), port: 4143, path, agent: false, headers: { host: 'wide' } },
              (response) => {
                response.resume();
                response.on('end', resolve);
              },
            )
              .on('error', reject)
              .end();
          }),
      ),
    );
  };

  it('tells of the requests of both, and of no more than it is to', async () => {
    expect(children(mesh.pid('wide', 'tulle-proxy'))).toHaveLength(1);
    const every = await tapping('wide', { limit: 1000, match: path('/both'), bodyBytes: 100 });
    const processes = () => new Set(partsOf(every.events, 'requestInit').map(({ id }) => id?.base)).size;
    // The other process hears of the tap a little later.
    await vi.waitFor(async () => {
      await askOften(10, '/both/first');
      expect(processes()).toBe(2);
    }, waiting);
    await askOften(40, '/both/then');
    const told = () => partsOf(every.events, 'requestInit').filter(({ path: asked }) => asked === '/both/then');
    await vi.waitFor(() => expect(told()).toHaveLength(40), waiting);
    const bodies = () =>
      every.events.flatMap((event) => {
        const part = partOf(event);
        return part.case === 'body' && part.value.path === '/both/then'
          ? [Buffer.from(part.value.data).toString()]
          : [];
      });
    await vi.waitFor(() => expect(bodies()).toEqual(Array.from({ length: 40 }, () => 'hello')), waiting);
    const some = await tapping('wide', { limit: 7, match: path('/some') });
    await askOften(40, '/some');
    await vi.waitFor(() => expect(some.ended).toEqual([0, '']), waiting);
    expect(partsOf(some.events, 'requestInit')).toHaveLength(7);
    expect(partsOf(some.events, 'responseEnd')).toHaveLength(7);
  });
});
