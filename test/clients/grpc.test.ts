import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseExposition } from '../../lib/figures/exposition.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { connectClient, connectServer } from './connect-echo.ts';
import { bigMetadata, type CallFailed, type EchoClient, type EchoServer } from './echo.ts';
import { EchoRequestSchema } from './gen/test/echo/v1/echo_pb.js';
import { grpcJsClient, grpcJsServer } from './grpc-js-echo.ts';

/** Two gRPC libraries on both ends of a pair of sidecars, each with each. */
let mesh: TestMesh;
const servers = new Map<string, EchoServer>();
const clients: EchoClient[] = [];

beforeAll(async () => {
  // Connect's server tells the console of each response that its client broke off.
  const { error } = console;
  vi.spyOn(console, 'error').mockImplementation((...told) => {
    if (!String(told[0]).startsWith('handler for rpc Repeat')) error(...told);
  });
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'grpc-js', ports: [8080] },
    { name: 'connect', ports: [8080] },
  ]);
  servers.set('grpc-js', await grpcJsServer(`${mesh.ip('grpc-js')}:8080`));
  servers.set('connect', await connectServer(mesh.ip('connect'), 8080));
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  for (const server of servers.values()) server.stop();
  await mesh.stop();
  vi.restoreAllMocks();
});

const request = (fields: Parameters<typeof create<typeof EchoRequestSchema>>[1]) => create(EchoRequestSchema, fields);
const failed = (call: Promise<unknown>): Promise<CallFailed> =>
  call.then(
    () => expect.fail('the call succeeded'),
    (error) => error,
  );
const all = async <T>(messages: AsyncIterable<T>): Promise<T[]> => {
  const read: T[] = [];
  for await (const message of messages) read.push(message);
  return read;
};

describe.each([
  ['grpc-js', 'grpc-js'],
  ['grpc-js', 'connect'],
  ['connect', 'grpc-js'],
  ['connect', 'connect'],
])('a client of %s and a server of %s', (clientLibrary, serverLibrary) => {
  let client: EchoClient;
  let server: EchoServer;
  beforeAll(() => {
    const authority = `${serverLibrary}.test:8080`;
    const proxy = mesh.ip('client');
    client =
      clientLibrary === 'grpc-js' ? grpcJsClient(`${proxy}:4140`, authority) : connectClient(proxy, 4140, authority);
    clients.push(client);
    server = servers.get(serverLibrary)!;
  });

  it('a unary call: the server learns who calls', async () => {
    const { response } = await client.unary(request({ payload: Buffer.from('hello') }));
    expect(Buffer.from(response.payload).toString()).toBe('hello');
    expect(response.clientId).toBe('client.test.serviceaccount.identity.tulle.cluster.local');
  });

  it('a message of 4 MB is whole, both ways', async () => {
    const payload = Buffer.alloc(4 * 1024 * 1024);
    for (let i = 0; i < payload.length; i += 4) payload.writeUInt32LE(i, i);
    const { response } = await client.unary(request({ payload }));
    expect(payload.equals(response.payload)).toBe(true);
  });

  it('a client stream is one answer, with all messages in it', async () => {
    async function* messages() {
      for (let i = 0; i < 300; i++) yield request({ payload: Buffer.alloc(1000, i) });
    }
    const { response } = await client.collect(messages());
    expect(response.payload.length).toBe(300_000);
    expect(response.payload.every((byte, at) => byte === (Math.floor(at / 1000) & 0xff))).toBe(true);
  });

  it('a server stream comes whole, also to a reader that falls behind', async () => {
    let count = 0;
    for await (const { payload } of client.repeat(request({ count: 500, payload: Buffer.alloc(2000, 'x') }))) {
      expect(payload.length).toBe(2000);
      if (++count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(count).toBe(500);
  });

  it('a stream that fails behind its messages gives them, and then the status', async () => {
    let count = 0;
    const error = await failed(
      (async () => {
        const asked = request({ count: 3, payload: Buffer.from('x'), failWith: Code.DataLoss });
        for await (const _message of client.repeat(asked)) count++;
      })(),
    );
    expect([error.code, error.message, count]).toEqual([Code.DataLoss, 'status 15 is 100 % wanted', 3]);
  });

  it('both sides of a stream take turns: neither waits for the other’s end', async () => {
    const answers: string[] = [];
    let answered: () => void = () => {};
    async function* messages() {
      for (let i = 0; i < 20; i++) {
        const heard = new Promise<void>((resolve) => {
          answered = resolve;
        });
        yield request({ payload: Buffer.from(`message ${i}`) });
        await heard;
      }
    }
    for await (const { payload } of client.chat(messages())) {
      answers.push(Buffer.from(payload).toString());
      answered();
    }
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `message ${i}`));
  });

  it('1,000 streams are open at once, and each is answered', async () => {
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* messages(i: number) {
      yield request({ payload: Buffer.from(`stream ${i}`) });
      await held;
    }
    const calls = Array.from({ length: 1000 }, (_, i) => all(client.chat(messages(i))));
    await vi.waitFor(() => expect(server.log.open).toBe(1000), 15_000);
    release();
    const answers = (await Promise.all(calls)).map((read) =>
      read.map(({ payload }) => Buffer.from(payload).toString()),
    );
    expect(answers).toEqual(Array.from({ length: 1000 }, (_, i) => [`stream ${i}`]));
  });

  it('16 KB of metadata go up, and come back in head and trailers', async () => {
    const metadata = { [bigMetadata]: 'm'.repeat(16_384) };
    const { response, headers, trailers } = await client.unary(request({ metadataBytes: 16_384 }), { metadata });
    expect(response.metadataBytes).toBe(16_384);
    expect([headers.get(bigMetadata)?.length, trailers.get(bigMetadata)?.length]).toEqual([16_384, 16_384]);
  });

  it('a call that its client cancels is cancelled at the server', async () => {
    const before = server.log.cancelled;
    const waiting = server.log.timeoutsMs.length;
    const abort = new AbortController();
    const call = failed(client.unary(request({ hang: true }), { signal: abort.signal }));
    await vi.waitFor(() => expect(server.log.timeoutsMs.length).toBe(waiting + 1));
    abort.abort();
    expect((await call).code).toBe(Code.Canceled);
    await vi.waitFor(() => expect(server.log.cancelled).toBe(before + 1));
  });

  it('a stream that its reader breaks off is cancelled at the server', async () => {
    const before = server.log.cancelled;
    const abort = new AbortController();
    const endless = request({ count: 2 ** 31, payload: Buffer.alloc(1000) });
    let count = 0;
    const error = await failed(
      (async () => {
        for await (const _message of client.repeat(endless, { signal: abort.signal })) {
          if (++count === 100) abort.abort();
        }
      })(),
    );
    expect(error.code).toBe(Code.Canceled);
    await vi.waitFor(() => expect(server.log.cancelled).toBe(before + 1));
  });

  it('a deadline is told to the server, and ends the call on both sides', async () => {
    const before = server.log.cancelled;
    const error = await failed(client.unary(request({ hang: true }), { timeoutMs: 500 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    const left = server.log.timeoutsMs.at(-1);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(500);
    await vi.waitFor(() => expect(server.log.cancelled).toBe(before + 1));
  });

  it('each status passes with its message, and is counted with its class by both sidecars', async () => {
    const codes = Array.from({ length: 16 }, (_, i) => i + 1);
    const before = await statuses(serverLibrary);
    for (const failWith of codes) {
      const { code, message, trailers } = await failed(client.unary(request({ failWith, metadataBytes: 10 })));
      expect([code, message, trailers.get(bigMetadata)]).toEqual([
        failWith,
        `status ${failWith} is 100 % wanted`,
        'mmmmmmmmmm',
      ]);
    }
    await client.unary(request({}));
    // UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE and DATA_LOSS are the server's failures.
    const failures = [2, 4, 7, 13, 14, 15];
    const expected = [0, ...codes].map((code) => `${code} ${failures.includes(code) ? 'failure' : 'success'}`).sort();
    await vi.waitFor(async () => {
      const after = await statuses(serverLibrary);
      for (const side of ['outbound', 'inbound'] as const) {
        const more = [...after[side]].filter(([key, count]) => count === (before[side].get(key) ?? 0) + 1);
        expect(more.map(([key]) => key).sort()).toEqual(expected);
      }
    });
  });
});

/** Responses by gRPC status and classification, as the client's and as the server's sidecar count them. */
async function statuses(server: string) {
  const count = async (workload: string, direction: string, target: string | undefined) => {
    const { body } = await mesh.admin(workload, '/metrics');
    const counts = new Map<string, number>();
    for (const { name, labels, value } of parseExposition(body)) {
      if (name !== 'response_total' || labels.direction !== direction || labels.grpc_status === undefined) continue;
      if (target !== undefined && labels.dst_deployment !== target) continue;
      const key = `${labels.grpc_status} ${labels.classification}`;
      counts.set(key, (counts.get(key) ?? 0) + value);
    }
    return counts;
  };
  return {
    outbound: await count('client', 'outbound', server),
    inbound: await count(server, 'inbound', undefined),
  };
}
