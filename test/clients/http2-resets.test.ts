import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { Http2Server } from '../../proxy/wire/http2/server.ts';
import type { ErrorCode, RequestListener } from '../../proxy/wire/stream.ts';
import { NodeTransport, NodeTurn } from '../../proxy/wire/testing/node-transport.ts';
import { TestMesh } from '../proxy/test-mesh.ts';

/** Node's own HTTP/2 on both ends: how a stream ends early is told from end to end. */
let mesh: TestMesh;
let server: ReturnType<typeof createServer>;
let client: ClientHttp2Session;
const sessions = new Set<ServerHttp2Session>();
/** Streams that the server has got, by path. */
const streams = new Map<string, ServerHttp2Stream>();
/** The codes by which they were reset. */
const codes = new Map<string, number>();

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'server', ports: [8080] },
    { name: 'abrupt', ports: [8080] },
  ]);
  server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
  });
  server.on('stream', (stream, headers) => {
    const path = headers[':path'] ?? '';
    streams.set(path, stream);
    stream.on('error', () => {});
    stream.on('close', () => codes.set(path, stream.rstCode));
    stream.resume();
    const code = Number(new URL(path, 'http://server').searchParams.get('code'));
    if (path.startsWith('/before')) stream.close(code);
    else if (path.startsWith('/begin')) {
      stream.respond({ ':status': 200 });
      stream.write('the first half');
    } else if (path.startsWith('/fine')) {
      stream.respond({ ':status': 200 });
      stream.end('whole');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(8080, mesh.ip('server'), resolve);
  });
  await mesh.serveTcp('abrupt', 8080, serveHalf);
  await mesh.ready();
  client = connect(`http://${mesh.ip('client')}:4140`);
}, 60_000);
afterAll(async () => {
  client?.destroy();
  server?.close();
  for (const session of sessions) session.destroy();
  await mesh.stop();
});

/**
 * Answers with the first half of a response, and resets the stream with the code that the path asks for. Node's server
 * would end the stream first when its request has ended.
 */
function serveHalf(socket: Socket): void {
  const transport = new NodeTransport(socket);
  const onRequest: RequestListener = (stream, { path }) => {
    stream.sendResponse({ status: 200, contentLength: -1, upgrade: undefined, fields: [], marks: 0 }, false);
    stream.sendData(Buffer.from('the first half'), false);
    stream.reset(Number(new URL(path, 'http://server').searchParams.get('code')) as ErrorCode, 'as asked');
    return { onData() {}, onTrailers() {}, onSent() {}, onReset() {} };
  };
  transport.handler = new Http2Server({ transport, turn: new NodeTurn(), fields: new FieldTable(1), onRequest });
}

const head = (path: string, fields: object = {}) => ({
  ':method': 'POST',
  ':authority': 'server.test:8080',
  ':path': path,
  ...fields,
});

/** What a client sees of a request. */
function ask(
  path: string,
  fields: object = {},
): Promise<{ status: number | undefined; code: number; body: string; headers: object }> {
  return new Promise((resolve) => {
    const stream = client.request(head(path, fields));
    let headers: Record<string, unknown> = {};
    let body = '';
    stream.on('response', (got) => {
      headers = got;
    });
    stream.on('data', (chunk) => {
      body += chunk;
    });
    stream.on('error', () => {});
    stream.on('close', () =>
      resolve({ status: headers[':status'] as number | undefined, code: stream.rstCode, body, headers }),
    );
    stream.end();
  });
}

const { NGHTTP2_CANCEL: cancel } = constants;
/** REFUSED_STREAM is left out: it means that the request may be sent again, which is another test's. */
const names = [
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'STREAM_CLOSED',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;
const table = names.map((name) => [name, constants[`NGHTTP2_${name}`]] as const);

describe('from the server to the client', () => {
  it.each(table)('%s instead of a response', async (_name, code) => {
    expect(await ask(`/before?code=${code}`)).toMatchObject({ status: undefined, code, body: '' });
  });

  it.each(table)('%s in the middle of one', async (_name, code) => {
    expect(await ask(`/?code=${code}`, { ':authority': 'abrupt.test:8080' })).toMatchObject({
      status: 200,
      code,
      body: 'the first half',
    });
  });

  it('instead of a response to gRPC too', async () => {
    const answer = await ask(`/before-grpc?code=${cancel}`, { 'content-type': 'application/grpc' });
    expect(answer).toMatchObject({ status: undefined, code: cancel });
  });
});

describe('from the client to the server', () => {
  it.each(table)('%s in the middle of a request', async (name, code) => {
    const path = `/hang/${name}`;
    const stream = client.request(head(path));
    stream.on('error', () => {});
    stream.write('half a request');
    await vi.waitFor(() => expect(streams.has(path)).toBe(true));
    stream.close(code);
    await vi.waitFor(() => expect(codes.get(path)).toBe(code));
  });

  it.each(table)('%s in the middle of a response', async (name, code) => {
    const path = `/begin/${name}`;
    const stream = client.request(head(path));
    stream.on('error', () => {});
    stream.end();
    await new Promise((resolve) => stream.once('data', resolve));
    stream.close(code);
    await vi.waitFor(() => expect(codes.get(path)).toBe(code));
  });
});

it('a connection that breaks is told of as 502, and to gRPC as UNAVAILABLE', async () => {
  const broken = async (path: string, fields: object) => {
    const answer = ask(path, fields);
    await vi.waitFor(() => expect(streams.has(path)).toBe(true));
    streams.get(path)?.session?.destroy();
    return answer;
  };
  expect(await broken('/hang/http', {})).toMatchObject({ status: 502 });
  const grpc = await broken('/hang/grpc', { 'content-type': 'application/grpc' });
  expect(grpc.headers).toMatchObject({ ':status': 200, 'grpc-status': '14' });
});

it('the connections on the way live on: streams before and after are whole', async () => {
  const opened = () => mesh.metric('client', 'tcp_open_total', 'peer="dst"', 'dst_deployment="server"');
  await ask('/fine/before');
  const before = await opened();
  await ask(`/before?code=${cancel}&again`);
  expect(await ask('/fine/after')).toMatchObject({ status: 200, code: 0, body: 'whole' });
  expect(await opened()).toBe(before);
});
