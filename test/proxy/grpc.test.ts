import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** gRPC as applications speak it in explicit mode: @grpc/grpc-js finds the sidecar in `grpc_proxy`. */
let mesh: TestMesh;
let server: Server;
let client: Client;
let cancelled = 0;

const same = (bytes: Buffer): Buffer => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080] }]);
  server = new Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(
    {
      unary: method('Unary', false, false),
      fail: method('Fail', false, false),
      hang: method('Hang', false, false),
      count: method('Count', false, true),
      chat: method('Chat', true, true),
    },
    {
      unary: ({ request, metadata }: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
        const trailers = new Metadata();
        trailers.set('x-client', metadata.get('l5d-client-id')[0] ?? '');
        respond(null, request, trailers);
      },
      fail: (_call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) =>
        respond({ code: status.INTERNAL, details: 'not today: 100 %' }),
      hang: (call: ServerUnaryCall<Buffer, Buffer>) => {
        call.on('cancelled', () => cancelled++);
      },
      count: (call: ServerWritableStream<Buffer, Buffer>) => {
        for (let i = 0; i < 1000; i++) call.write(Buffer.alloc(1000, i));
        call.end();
      },
      chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (message) => call.write(message));
        call.on('end', () => call.end());
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${mesh.ip('server')}:8080`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  await mesh.ready();
  process.env['grpc_proxy'] = `http://${mesh.ip('client')}:4140`;
  client = new Client('server.test:8080', credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
}, 60_000);
afterAll(async () => {
  delete process.env['grpc_proxy'];
  client?.close();
  server?.forceShutdown();
  await mesh.stop();
});

interface Answer {
  message: Buffer | undefined;
  error: ServiceError | null;
  trailers: Metadata | undefined;
}

function unary(name: string, message: Buffer, deadlineMs = 10_000): Promise<Answer> {
  return new Promise((resolve) => {
    let trailers: Metadata | undefined;
    const call = client.makeUnaryRequest(
      `/test.Echo/${name}`,
      same,
      same,
      message,
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      // The status, with the trailers, comes behind the message.
      (error, answer) => setImmediate(() => resolve({ message: answer, error, trailers })),
    );
    call.on('status', (told) => {
      trailers = told.metadata;
    });
  });
}

it('a unary call goes through both sidecars; the server learns who calls', async () => {
  const { message, error, trailers } = await unary('Unary', Buffer.from('hello'));
  expect(error).toBeNull();
  expect(message?.toString()).toBe('hello');
  expect(trailers?.get('x-client')).toEqual(['client.test.serviceaccount.identity.tulle.cluster.local']);
  expect(await mesh.metric('server', 'request_total', 'direction="inbound"', 'tls="true"')).toBeGreaterThan(0);
});

it('a message of 20 MB arrives whole, both ways', async () => {
  const sent = Buffer.alloc(20_000_000, 'x');
  const { message, error } = await unary('Unary', sent);
  expect(error).toBeNull();
  expect(message?.equals(sent)).toBe(true);
});

it('500 calls at once are all answered, each with its own', async () => {
  const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => unary('Unary', Buffer.from(`${i}`))));
  expect(answers.map(({ message }) => message?.toString())).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
});

it('a status and its message pass as they are, and count as the failure of one call', async () => {
  const failures = () =>
    mesh.metric('server', 'response_total', 'direction="inbound"', 'classification="failure"', 'grpc_status="13"');
  const before = await failures();
  const { error } = await unary('Fail', Buffer.alloc(0));
  expect([error?.code, error?.details]).toEqual([status.INTERNAL, 'not today: 100 %']);
  expect(await failures()).toBe(before + 1);
});

it('a server stream comes in order, and a slow reader gets all of it', async () => {
  const call = client.makeServerStreamRequest('/test.Echo/Count', same, same, Buffer.alloc(0));
  let count = 0;
  for await (const message of call) {
    expect((message as Buffer)[0]).toBe(count++ & 0xff);
    if (count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(count).toBe(1000);
});

it('messages go both ways on one stream, one after the other', async () => {
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest('/test.Echo/Chat', same, same);
  for (let i = 0; i < 20; i++) {
    call.write(Buffer.from(`message ${i}`));
    const echoed = await new Promise((resolve) => call.once('data', resolve));
    expect(String(echoed)).toBe(`message ${i}`);
  }
  call.end();
  await new Promise((resolve) => call.on('status', resolve).resume());
});

it('a call that its client gives up is cancelled at the server', async () => {
  const { error } = await unary('Hang', Buffer.alloc(0), 300);
  expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
  await vi.waitFor(() => expect(cancelled).toBe(1));
});

it('a service that is nowhere is DEADLINE_EXCEEDED when no endpoint came, told by the sidecar and not by the call’s own deadline', async () => {
  const nowhere = new Client('nowhere.test:8080', credentials.createInsecure());
  const error = await new Promise<ServiceError | null>((resolve) => {
    const options = { deadline: Date.now() + 10_000 };
    nowhere.makeUnaryRequest('/test.Echo/Unary', same, same, Buffer.alloc(0), new Metadata(), options, resolve);
  });
  nowhere.close();
  expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
  expect(error?.details).toContain('no endpoint became ready in time');
});
