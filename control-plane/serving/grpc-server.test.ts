import { once } from 'node:events';
import http2, { type ClientHttp2Session } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, test, vi } from 'vitest';
import { Destination, GetDestinationSchema, type Update, UpdateSchema } from '../../api/gen/destination_pb.js';
import {
  CertifyRequestSchema,
  type CertifyResponse,
  CertifyResponseSchema,
  Identity,
} from '../../api/gen/identity_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import { GrpcServer, type GrpcServerOptions, serve } from './grpc-server.ts';
import { Code, GrpcError } from './grpc-status.ts';
import type { OutgoingStream } from './outgoing-stream.ts';

const closing: (() => unknown)[] = [];
const failures: string[] = [];
const dropped: string[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  failures.length = 0;
  dropped.length = 0;
});

let streams: OutgoingStream[];
const update = (exists: boolean): Uint8Array =>
  toBinary(UpdateSchema, create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists } } }));

async function start(options: Partial<GrpcServerOptions> = {}) {
  streams = [];
  const server = new GrpcServer({
    services: [
      serve(Identity, {
        async certify({ identity, token }) {
          if (identity === 'refused') throw new GrpcError(Code.failedPrecondition, 'not with 100 % of «tokens»\n');
          if (identity === 'broken') throw new Error('a secret');
          if (identity === 'slow') await new Promise((done) => setTimeout(done, 60_000).unref());
          return create(CertifyResponseSchema, { leafCertificate: token });
        },
      }),
      serve(Destination, {
        get(_request, stream) {
          streams.push(stream);
          stream.send(update(true));
        },
        getProfile() {
          throw new GrpcError(Code.notFound, 'no such target');
        },
      }),
    ],
    onFailure: (path, error) => failures.push(`${path}: ${error.message}`),
    onDropped: (reason) => dropped.push(reason),
    random: () => 0.5,
    ...options,
  });
  const port = await server.listen('127.0.0.1', 0);
  closing.push(() => server.stop(0));
  const client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
  closing.push(() => client.close());
  return { server, port, client };
}

function certify(client: GrpcClient, identity: string, deadlineMs = 5000, token = Buffer.from('token')) {
  const message = create(CertifyRequestSchema, { identity, token });
  return new Promise<CertifyResponse>((resolve, reject) =>
    client.unary(
      Identity.method.certify,
      message,
      { metadata: new Metadata(), deadlineMs: Date.now() + deadlineMs },
      (error, response) => (response === undefined ? reject(error) : resolve(response)),
    ),
  );
}

function follow(client: GrpcClient) {
  const call = client.stream(Destination.method.get, create(GetDestinationSchema, { path: 'web' }));
  const seen: { updates: Update[]; error?: ServiceError } = { updates: [] };
  call.on('data', (each: Update) => seen.updates.push(each));
  call.on('error', (error: ServiceError) => {
    seen.error = error;
  });
  return { seen, call };
}

test('a call is answered, up to the longest message that there may be', async () => {
  const { client } = await start();
  const token = Buffer.alloc(65_000, 7);
  expect(Buffer.from((await certify(client, 'web', 5000, token)).leafCertificate).equals(token)).toBe(true);
  await expect(certify(client, 'web', 5000, Buffer.alloc(66_000))).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  });
});

test('a request that does not arrive in time is ended', async () => {
  const { port } = await start({ requestMs: 50 });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  closing.push(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/io.linkerd.proxy.identity.Identity/Certify',
    'content-type': 'application/grpc',
  });
  stream.write(Buffer.alloc(3));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(headers['grpc-status']).toBe(String(Code.deadlineExceeded));
});

test.each([
  ['that is refused', 'refused', status.FAILED_PRECONDITION, 'not with 100 % of «tokens»\n'],
  ['that fails', 'broken', status.INTERNAL, 'the call failed here'],
])('a call %s says why, and no more', async (_what, identity, code, details) => {
  const { client } = await start();
  await expect(certify(client, identity)).rejects.toMatchObject({ code, details });
  expect(failures).toEqual(identity === 'broken' ? ['/io.linkerd.proxy.identity.Identity/Certify: a secret'] : []);
});

test('a call whose message is too long, or whose deadline is over, ends', async () => {
  const { client } = await start();
  const tooLong = certify(client, 'web', 5000, Buffer.alloc(2 * 1024 * 1024));
  await expect(tooLong).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  await expect(certify(client, 'slow', 50)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

test('a stream tells what is sent until its client goes, and a refusal without any message', async () => {
  const { client } = await start();
  const { seen, call } = follow(client);
  await vi.waitFor(() => expect(seen.updates).toHaveLength(1));
  const owner = { closed: vi.fn(), overflowed: vi.fn() };
  streams[0].owner = owner;
  streams[0].send(update(false));
  await vi.waitFor(() => expect(seen.updates).toHaveLength(2));
  call.cancel();
  await vi.waitFor(() => expect(owner.closed).toHaveBeenCalledExactlyOnceWith(streams[0]));
  streams[0].send(update(true));
  const refused = client.stream(Destination.method.getProfile, create(GetDestinationSchema, { path: 'web' }));
  const [error] = (await once(refused, 'error')) as [ServiceError];
  expect(error).toMatchObject({ code: status.NOT_FOUND, details: 'no such target' });
});

test('what is not served, or is not gRPC, is told so', async () => {
  const { port } = await start();
  const other = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  closing.push(() => other.close());
  const same = (bytes: Buffer): Buffer => bytes;
  const asked = new Promise((_resolve, reject) =>
    other.makeUnaryRequest('/a.B/C', same, same, Buffer.alloc(0), (error) => reject(error)),
  );
  await expect(asked).rejects.toMatchObject({ code: status.UNIMPLEMENTED, details: '/a.B/C is not served here' });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  closing.push(() => session.destroy());
  const [head] = (await once(session.request({ ':path': '/' }), 'response')) as [Record<string, unknown>];
  expect(head[':status']).toBe(415);
});

/** The trailers that a request of these bytes is answered with. */
async function answerTo(session: ClientHttp2Session, bytes: Buffer): Promise<Record<string, unknown>> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/io.linkerd.proxy.identity.Identity/Certify',
    'content-type': 'application/grpc',
  });
  stream.end(bytes);
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  return head;
}

test('a request that is no message is refused, and the connection goes on', async () => {
  const { port } = await start();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  closing.push(() => session.destroy());
  for (const [hex, code] of [
    ['', status.INTERNAL],
    ['0000', status.INTERNAL],
    ['0100000000', status.UNIMPLEMENTED],
    ['0000000005aa', status.INTERNAL],
    ['0000000001ff', status.INTERNAL],
  ] as const) {
    expect((await answerTo(session, Buffer.from(hex, 'hex')))['grpc-status']).toBe(String(code));
  }
  expect(failures).toEqual([]);
});

test('a connection that is old takes no more calls, and its streams end so that the client comes back', async () => {
  const { client } = await start({ pingMs: 20, connectionAgeMs: 50 });
  const { seen } = follow(client);
  await vi.waitFor(() => expect(seen.error).toMatchObject({ code: status.UNAVAILABLE }), 5000);
  expect(seen.updates).toHaveLength(1);
  expect(await certify(client, 'web')).toBeDefined();
});

test('the streams of a connection that is old end in the course of some looks, so that not all come back at once', async () => {
  const { client } = await start({ pingMs: 100, connectionAgeMs: 50 });
  const seen = Array.from({ length: 16 }, () => follow(client).seen);
  await vi.waitFor(() => expect(streams).toHaveLength(16));
  const ended: number[] = [];
  await vi.waitFor(() => {
    ended.push(seen.filter(({ error }) => error !== undefined).length);
    expect(ended.at(-1)).toBe(16);
  }, 5000);
  expect(new Set(seen.map(({ error }) => error?.code))).toEqual(new Set([status.UNAVAILABLE]));
  const atOnce = ended.map((count, i) => count - (ended[i - 1] ?? 0));
  expect(Math.max(...atOnce)).toBeLessThanOrEqual(6);
});

test('a connection that is old, of a client that keeps its own half open, does no harm', async () => {
  const { port, client } = await start({ pingMs: 20, connectionAgeMs: 50 });
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  closing.push(() => socket.destroy());
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.from('000000040000000000', 'hex'));
  socket.on('data', (bytes: Buffer) => {
    // Frames of 8 bytes of type 6 are pings: they are answered.
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      if (bytes[at + 3] !== 6 || !socket.writable) continue;
      const answer = Buffer.from(bytes.subarray(at, at + 17));
      answer[4] = 1;
      socket.write(answer);
    }
  });
  await once(socket, 'end');
  // Longer than until the next pings.
  const { seen } = follow(client);
  await vi.waitFor(() => expect(seen.error).toMatchObject({ code: status.UNAVAILABLE }), 5000);
  // Nor does it keep its socket.
  await vi.waitFor(() => expect(dropped).toContain('not closed'), 5000);
  socket.on('error', () => {});
  await vi.waitFor(() => {
    socket.write('is anybody there?');
    expect(socket.destroyed).toBe(true);
  }, 5000);
});

test('a connection that is old ends though its client gives its streams no window to end in', async () => {
  const { port } = await start({ pingMs: 20, connectionAgeMs: 50 });
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  closing.push(() => session.destroy());
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': '/io.linkerd.proxy.destination.Destination/Get',
    'content-type': 'application/grpc',
  });
  stream.on('error', () => {}).end(Buffer.alloc(5));
  await once(session, 'close');
  expect(streams).toHaveLength(1);
});

test('one connection too many on which nothing was said yet costs the oldest of them, and none that speaks', async () => {
  const { port, client } = await start({ maxSilent: 2 });
  const { seen } = follow(client);
  await vi.waitFor(() => expect(seen.updates).toHaveLength(1));
  const sockets: Socket[] = [];
  for (let i = 0; i < 3; i++) {
    const socket = connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume();
    closing.push(() => socket.destroy());
    sockets.push(socket);
    await once(socket, 'connect');
  }
  await once(sockets[0], 'close');
  expect([dropped, sockets.map(({ closed }) => closed)]).toEqual([['too many silent'], [true, false, false]]);
  expect(await certify(client, 'web')).toBeDefined();
  expect(seen.error).toBeUndefined();
});

test('a client that is gone without a word is let go of', async () => {
  const { port } = await start({ pingMs: 20 });
  // Says what a client says first, and then answers nothing.
  const socket = connect(port, '127.0.0.1');
  closing.push(() => socket.destroy());
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.from('000000040000000000', 'hex'));
  socket.resume();
  await once(socket, 'close');
  expect(dropped).toEqual(['silent']);
});

test('a server that stops ends its streams', async () => {
  const { server, client } = await start();
  const { seen } = follow(client);
  await vi.waitFor(() => expect(seen.updates).toHaveLength(1));
  await server.stop(0);
  await vi.waitFor(() => expect(seen.error).toBeDefined());
});

/** A client of the server's, and its connection as the server has it: who ends that says all, and still reads. */
async function relayed(port: number): Promise<{ client: GrpcClient; upstream: Socket }> {
  const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  closing.push(() => upstream.destroy());
  const relay = createServer((socket) => {
    socket.on('error', () => {}).pipe(upstream, { end: false });
    upstream.pipe(socket);
  });
  await new Promise<void>((done) => relay.listen(0, '127.0.0.1', done));
  closing.push(() => relay.close());
  const client = new GrpcClient(`127.0.0.1:${(relay.address() as AddressInfo).port}`, credentials.createInsecure());
  closing.push(() => client.close());
  return { client, upstream };
}

test.each(['before', 'after'])('a server that stops waits for no client that has gone %s that', async (when) => {
  const { server, port } = await start();
  const { client, upstream } = await relayed(port);
  const { seen } = follow(client);
  await vi.waitFor(() => expect(seen.updates).toHaveLength(1));
  if (when === 'before') upstream.end();
  const stopped = server.stop(60_000);
  if (when === 'after') upstream.end();
  await stopped;
});

test('a server that stops still answers a client that has said all, and waits', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const { server, port } = await start({
    services: [
      serve(Identity, {
        async certify({ token }) {
          ask();
          await answered;
          return create(CertifyResponseSchema, { leafCertificate: token });
        },
      }),
    ],
  });
  const { client, upstream } = await relayed(port);
  const certified = certify(client, 'web');
  await asked;
  upstream.end();
  const stopped = server.stop(60_000);
  // What the end of its client makes of the connection has come by then.
  await vi.waitFor(() => expect(upstream.writableFinished).toBe(true));
  // Nothing is to come of that, which has no end to wait for.
  await new Promise((resolve) => setTimeout(resolve, 50));
  answer();
  expect(Buffer.from((await certified).leafCertificate).toString()).toBe('token');
  await stopped;
});

const greeting = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
]);

test.each<[string, Buffer, 'reads' | 'reads nothing']>([
  ['keeps its own half open', greeting, 'reads'],
  ['reads nothing', greeting, 'reads nothing'],
  ['says nothing', Buffer.alloc(0), 'reads'],
  ['says half of what it must', greeting.subarray(0, 10), 'reads'],
  ['begins TLS, and does not go on', Buffer.from('160301', 'hex'), 'reads'],
  ['talks of something else', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'reads nothing'],
])('a server that stops does so within its grace, though a client %s', async (_what, said, reads) => {
  const { server, port } = await start();
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  if (reads === 'reads') socket.resume();
  await once(socket, 'connect');
  if (said.length > 0) await new Promise((sent) => socket.write(said, sent));
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('still there')), 2000);
  await Promise.race([server.stop(50), late]);
  clearTimeout(timer);
});
