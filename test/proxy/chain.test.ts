import { createServer } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/**
 * Any chunks, cut anywhere by a real client, through two real sidecars with mutual TLS between them to a server that
 * sends back what it reads.
 */
let mesh: TestMesh;
let session: ClientHttp2Session;

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080, 8081] }]);
  const http1 = createServer((incoming, response) => {
    incoming.on('error', () => {});
    response.writeHead(200);
    incoming.pipe(response);
  });
  const http2 = createHttp2Server({ settings: { enableConnectProtocol: true } });
  http2.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'x-protocol': headers[':protocol'] ?? '', 'x-path': headers[':path'] ?? '' });
    stream.pipe(stream);
  });
  await mesh.serve('server', 8080, http1);
  await mesh.serve('server', 8081, http2);
  await mesh.ready();
  session = connectHttp2(`http://${mesh.ip('client')}:4140`);
}, 60_000);
afterAll(async () => {
  session?.destroy();
  await mesh?.stop();
});

const chunks = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 20 }),
    fc.uint8Array({ minLength: 1000, maxLength: 50_000, size: 'max' }),
  ),
  { minLength: 1, maxLength: 8 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 6 });

/** The body of a chunked response, or undefined while it is not whole. */
function chunkedBody(response: Buffer): Buffer | undefined {
  let at = response.indexOf('\r\n\r\n') + 4;
  if (at < 4) return undefined;
  const parts: Buffer[] = [];
  for (;;) {
    const lineEnd = response.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(response.toString('latin1', at, lineEnd), 16);
    if (size === 0) return Buffer.concat(parts);
    at = lineEnd + 2 + size + 2;
    if (at > response.length) return undefined;
    parts.push(response.subarray(lineEnd + 2, at - 2));
  }
}

it('HTTP/1 comes out byte for byte', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(chunks, cuts, async (body, sizes) => {
      const request = Buffer.concat([
        Buffer.from('POST / HTTP/1.1\r\nhost: server.test:8080\r\ntransfer-encoding: chunked\r\n\r\n'),
        ...body.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
        Buffer.from('0\r\n\r\n'),
      ]);
      const socket = connect({ host: mesh.ip('client'), port: 4140, noDelay: true });
      let response = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        response = Buffer.concat([response, chunk]);
      });
      for (let at = 0, i = 0; at < request.length; i++) {
        const size = sizes[i % sizes.length] + (request.length > 50_000 ? 5000 : 0);
        socket.write(request.subarray(at, at + size));
        at += size;
        // Each piece in a segment of its own.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await vi.waitFor(() => expect(chunkedBody(response)).toBeDefined(), 10_000);
      socket.destroy();
      expect(chunkedBody(response)!.equals(Buffer.concat(body))).toBe(true);
    }),
    { numRuns: 15 },
  );
});

it('HTTP/2 comes out byte for byte', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(chunks, async (body) => {
      const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': 'server.test:8081' });
      const received: Buffer[] = [];
      const ended = new Promise<void>((resolve, reject) => {
        stream
          .on('data', (chunk) => received.push(chunk))
          .on('end', resolve)
          .on('error', reject);
      });
      for (const chunk of body) {
        stream.write(chunk);
        await new Promise((resolve) => setImmediate(resolve));
      }
      stream.end();
      await ended;
      expect(Buffer.concat(received).equals(Buffer.concat(body))).toBe(true);
    }),
    { numRuns: 15 },
  );
});

it('extended CONNECT is passed on with its protocol, and carries bytes both ways', async () => {
  await vi.waitFor(() => expect(session.remoteSettings.enableConnectProtocol).toBe(true));
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/chat',
    ':authority': 'server.test:8081',
  });
  let read = '';
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.on('response', resolve).on('error', reject);
    stream.on('data', (chunk) => {
      read += chunk;
    });
  });
  expect(headers).toMatchObject({ ':status': 200, 'x-protocol': 'websocket', 'x-path': '/chat' });
  stream.write('ping');
  await vi.waitFor(() => expect(read).toBe('ping'));
  stream.end('pong');
  await new Promise((resolve) => stream.once('close', resolve));
  expect(read).toBe('pingpong');
});
