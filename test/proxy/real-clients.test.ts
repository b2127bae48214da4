import { createServer, request } from 'node:http';
import { type ClientHttp2Session, connect, createServer as createHttp2Server, type Http2Server } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { TestMesh } from './test-mesh.ts';

/** What clients do that try a proxy's patience, through two real sidecars. */
let mesh: TestMesh;
const streams = { 8081: 1, 8082: 10 };
let most = 0;

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080, 8081, 8082] }]);
  const web = createServer((incoming, response) => {
    if (incoming.url === '/early') response.writeHead(401).end('no');
    else response.end('hello');
  });
  new WebSocketServer({ server: web }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await mesh.serve('server', 8080, web);
  for (const [port, maxConcurrentStreams] of Object.entries(streams)) {
    await mesh.serve('server', Number(port), limited(maxConcurrentStreams));
  }
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

/** Takes its time for each request, and so many of them at a time on a connection. */
function limited(maxConcurrentStreams: number): Http2Server {
  let open = 0;
  const server = createHttp2Server({ settings: { maxConcurrentStreams } });
  server.on('stream', (stream) => {
    most = Math.max(most, ++open);
    let read = '';
    stream.setEncoding('latin1');
    stream.on('data', (chunk) => {
      read += chunk;
    });
    stream.on('end', () =>
      setTimeout(() => {
        open--;
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(read);
      }, 5),
    );
  });
  return server;
}

function call(session: ClientHttp2Session, authority: string, body: string): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':authority': authority,
      ':path': '/a.B/C',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let read = '';
    let status = '';
    stream.setEncoding('latin1');
    stream.on('response', (head) => {
      status = String(head['grpc-status'] ?? '');
    });
    stream.on('trailers', (fields) => {
      status = String(fields['grpc-status']);
    });
    stream.on('data', (chunk) => {
      read += chunk;
    });
    stream.on('error', (error) => resolve(error.message));
    stream.on('end', () => resolve(status === '0' && read === body ? 'right' : `${status} ${read.length}`));
    stream.end(body);
  });
}

describe('gRPC calls beyond the streams that the server allows', () => {
  it.each(Object.entries(streams))('port %s: %i at a time', async (port, allowed) => {
    most = 0;
    const session = connect(`http://${mesh.ip('client')}:4140`);
    const bodies = Array.from({ length: 100 }, (_, i) => `${i},`.repeat(100));
    const answers = await Promise.all(bodies.map((body) => call(session, `server.test:${port}`, body)));
    session.destroy();
    expect(new Set(answers)).toEqual(new Set(['right']));
    expect(most).toBeLessThanOrEqual(16 * allowed);
  });
});

it('20 uploads over HTTP/1 are answered before their end, and each answer is read', { timeout: 20_000 }, async () => {
  const one = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        { host: mesh.ip('client'), port: 4140, path: '/early', method: 'POST', headers: { host: 'server.test:8080' } },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode));
        },
      );
      sent.on('error', reject);
      for (let i = 0; i < 64; i++) sent.write(Buffer.alloc(16 * 1024));
      sent.end();
    });
  for (let i = 0; i < 20; i++) expect(await one()).toBe(401);
});

it('a WebSocket carries small and large messages both ways, and closes with its code', async () => {
  const socket = new WebSocket('ws://server.test:8080/', {
    createConnection: () => connectTcp(4140, mesh.ip('client')),
  });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  for (const size of [0, 10, 200_000, 2_000_000]) {
    const echoed = new Promise<Buffer>((resolve) => socket.once('message', (data) => resolve(data as Buffer)));
    socket.send(Buffer.alloc(size, 7));
    expect((await echoed).equals(Buffer.alloc(size, 7))).toBe(true);
  }
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.close(4001);
  expect(await closed).toBe(4001);
});
