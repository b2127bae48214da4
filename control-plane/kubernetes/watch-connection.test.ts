import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type CertificateWithKey,
  createAuthority,
  createServerCertificate,
} from '../certificates/create-certificate.ts';
import { ApiError } from './api.ts';
import { type ClientOptions, KubernetesClient } from './client.ts';
import { isFrozen } from './connections.ts';
import type { Credentials } from './server-access.ts';

let authority: CertificateWithKey;
let shown: { cert: string; key: string };
const closing: (() => void)[] = [];

beforeEach(async () => {
  const common = { lifetimeMs: 86_400_000, nowMs: Date.now() };
  authority = await createAuthority({ ...common, name: 'api' });
  const leaf = await createServerCertificate({ ...common, dnsNames: ['localhost'], signedBy: authority });
  shown = { cert: leaf.certificate, key: leaf.key };
});
afterEach(() => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) close();
});

async function portOf(server: Server | Http2SecureServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** An API server whose watches say one line each, and what came to it. */
async function apiServer(settings: Settings = {}) {
  const paths: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const streams: ServerHttp2Stream[] = [];
  const server = createSecureServer({ ...shown, settings });
  server.on('stream', (stream, headers) => {
    paths.push(`${headers[':path']} ${headers['authorization']}`);
    sessions.add(stream.session as ServerHttp2Session);
    streams.push(stream);
    stream.on('error', () => {});
    if (String(headers[':path']).endsWith('/refused')) {
      stream.respond({ ':status': 403 });
      stream.end(JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: 'no' }));
      return;
    }
    stream.respond({ ':status': 200 });
    stream.write('{"type":"BOOKMARK"}\n');
  });
  closing.push(() => {
    for (const stream of streams) stream.session?.destroy();
    server.close();
  });
  return { port: await portOf(server), paths, sessions };
}

/** Stands between the client and a server, and freezes on demand: what comes is taken, and nothing is passed on. */
async function wire(port: number) {
  const sockets: Socket[] = [];
  let frozen = false;
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    sockets.push(from, to);
    for (const [source, sink] of [
      [from, to],
      [to, from],
    ]) {
      source.on('data', (bytes) => frozen || sink.write(bytes));
      source.on('error', () => {});
      source.on('close', () => sink.destroy());
    }
  });
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const freeze = (): void => {
    frozen = true;
  };
  return { port: await portOf(server), freeze };
}

function clientOf(
  port: number,
  options: ClientOptions = {},
  credentials: () => Credentials = () => ({ ca: authority.certificate, token: 'secret' }),
): KubernetesClient {
  const client = new KubernetesClient(
    {
      url: new URL(`https://localhost:${port}/base`),
      credentials,
      refresh: () => Promise.resolve(),
      close: () => {},
    },
    options,
  );
  closing.push(() => client.close());
  return client;
}

const never = new AbortController().signal;

/** A watch and how it ended. */
async function watch(client: KubernetesClient, path = '/pods') {
  const answer = await client.stream(path, { watch: '1' }, never);
  const seen: { lines: string; ended?: Error | 'end' } = { lines: '' };
  answer.on('data', (bytes) => (seen.lines += bytes));
  answer.on('error', (error) => (seen.ended = error));
  answer.on('end', () => (seen.ended ??= 'end'));
  await vi.waitFor(() => expect(seen.lines).not.toBe(''));
  return seen;
}

/** Lets time pass on the client's timers, second by second, and what is under way arrive between. */
async function pass(seconds: number, until: () => boolean = () => false): Promise<number> {
  for (let second = 1; second <= seconds; second++) {
    await vi.advanceTimersByTimeAsync(1000);
    for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
    if (until()) return second;
  }
  return seconds + 1;
}
const fakeTimers = () => vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });

test('a watch whose server is gone without a word ends within 30 s, as the client comes', async () => {
  const { port } = await apiServer();
  const between = await wire(port);
  // Before the connection, whose pings begin with it.
  const client = clientOf(between.port);
  fakeTimers();
  const answer = await client.stream('/pods', { watch: '1' }, never);
  let ended: Error | undefined;
  answer.on('error', (error) => (ended = error));
  answer.resume();
  between.freeze();
  const seconds = await pass(40, () => ended !== undefined);
  expect(seconds).toBeLessThanOrEqual(30);
  expect(ended).toSatisfy(isFrozen);
});

test('a quiet watch goes on as long as its server answers pings', async () => {
  const { port, sessions } = await apiServer();
  const client = clientOf(port);
  fakeTimers();
  const answer = await client.stream('/pods', { watch: '1' }, never);
  let ended = false;
  answer.on('close', () => (ended = true)).resume();
  let pings = 0;
  for (const session of sessions) session.on('ping', () => pings++);
  await pass(120);
  expect(pings).toBeGreaterThan(10);
  expect(ended).toBe(false);
});

test('bytes are sent as they are, and whatever comes back is the caller’s', async () => {
  const server = createHttpsServer(shown, (request, response) => {
    response.writeHead(418, { 'x-type': String(request.headers['content-type']) });
    request.pipe(response);
  });
  closing.push(() => server.close());
  const client = clientOf(await portOf(server));
  const answer = await client.exchange('/taps', Buffer.from([0, 255, 1]), 'application/octet-stream', never);
  expect([answer.statusCode, answer.headers['x-type']]).toEqual([418, 'application/octet-stream']);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 255, 1]));
});

test('an answer that nobody wants is given back without a word', async () => {
  const { port, sessions } = await apiServer();
  const answer = await clientOf(port).stream('/pods', {}, never);
  answer.destroy();
  await vi.waitFor(() => expect(answer.closed).toBe(true));
  expect(sessions.size).toBe(1);
});

test('another certificate makes another connection; a watch goes on over the old one until it ends', async () => {
  const { port, sessions } = await apiServer();
  const ca = authority.certificate;
  let credentials = { ca, token: 'one' };
  const client = clientOf(port, {}, () => credentials);
  const seen = await watch(client);
  credentials = { ca, token: 'two' };
  await watch(client, '/services');
  expect(sessions.size).toBe(1);
  credentials = { ca: `${ca}${ca}`, token: 'two' };
  await watch(client, '/nodes');
  expect(sessions.size).toBe(2);
  expect(seen.ended).toBeUndefined();
  client.close();
  await vi.waitFor(() => expect([...sessions].filter((session) => !session.destroyed)).toEqual([]));
});

test('watches share one connection, with path, query and token of each call', async () => {
  const { port, paths, sessions } = await apiServer();
  const client = clientOf(port);
  await Promise.all([watch(client), watch(client, '/services')]);
  expect(paths.sort()).toEqual(['/base/pods?watch=1 Bearer secret', '/base/services?watch=1 Bearer secret']);
  expect(sessions.size).toBe(1);
});

test('watches of which the server takes no more on a connection have another, and as few as it takes', async () => {
  const { port, sessions } = await apiServer({ maxConcurrentStreams: 2 });
  const client = clientOf(port);
  await Promise.all(['/a', '/b', '/c', '/d', '/e'].map((path) => watch(client, path)));
  expect(sessions.size).toBe(3);
  await watch(client, '/f');
  expect(sessions.size).toBe(3);
});

test('a client that is closed while it connects ends the watches that wait for that', async () => {
  const { port, sessions } = await apiServer({ maxConcurrentStreams: 1 });
  const client = clientOf(port);
  const waiting = ['/a', '/b', '/c'].map((path) => client.stream(path, {}, never));
  client.close();
  for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected');
  await vi.waitFor(() => expect([...sessions].filter((session) => !session.destroyed)).toEqual([]));
});

test('a connection that is lost ends its watches, and the next has another one', async () => {
  const { port, sessions } = await apiServer();
  const client = clientOf(port);
  const seen = await watch(client);
  for (const session of sessions) session.destroy();
  await vi.waitFor(() => expect(seen.ended).toBeDefined());
  await watch(client);
  expect(sessions.size).toBe(2);
});

test('a server that sends its clients elsewhere (--goaway-chance) keeps the watches that it has', async () => {
  const { port, sessions } = await apiServer();
  const client = clientOf(port);
  const seen = await watch(client);
  for (const session of sessions) session.goaway(0, 2 ** 31 - 1);
  await vi.waitFor(async () => {
    // One that was sent before the client knew may stay without an answer here.
    await client.stream('/services', {}, AbortSignal.timeout(300));
    expect(sessions.size).toBe(2);
  });
  expect(seen.ended).toBeUndefined();
});

test('a watch that is refused says why', async () => {
  const { port } = await apiServer();
  const refused = clientOf(port).stream('/refused', {}, never);
  const call = 'GET /refused';
  await expect(refused).rejects.toEqual(new ApiError(403, 'Forbidden', `${call}: 403 Forbidden no`, { call }));
});

test('a server that cannot be reached, or is not trusted, is an error of the call', async () => {
  const { port } = await apiServer();
  authority = await createAuthority({ name: 'other', lifetimeMs: 86_400_000, nowMs: Date.now() });
  await expect(clientOf(port).stream('/pods', {}, never)).rejects.toMatchObject({ status: 0 });
  await expect(clientOf(1).stream('/pods', {}, never)).rejects.toMatchObject({
    status: 0,
    message: expect.stringMatching(/^GET \/pods: localhost:1: .*ECONNREFUSED/),
  });
});

test('a server without HTTP/2 is watched over HTTP/1.1', async () => {
  const server = createHttpsServer(shown, (_request, response) => void response.write('{"type":"BOOKMARK"}\n'));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const seen = await watch(clientOf(await portOf(server)));
  expect(seen.lines).toBe('{"type":"BOOKMARK"}\n');
});
