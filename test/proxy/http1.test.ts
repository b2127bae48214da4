import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** HTTP/1.1 from a client through its sidecar, over mutual TLS, and through the server's sidecar to the server. */
let mesh: TestMesh;
const seen: IncomingMessage[] = [];
/** Queries of the requests that are never answered and of which the server has heard the end. */
const waitsEnded: string[] = [];

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080] }]);
  const server = createServer(async (incoming, response) => {
    seen.push(incoming);
    const url = new URL(incoming.url ?? '/', 'http://server');
    switch (url.pathname) {
      case '/echo':
        response.writeHead(200, { 'content-type': 'application/octet-stream', trailer: 'x-sum' });
        try {
          for await (const chunk of incoming) {
            if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve));
          }
        } catch {
          // The client broke its request off, as some tests do.
          break;
        }
        response.addTrailers({ 'x-sum': 'done' });
        response.end();
        break;
      case '/sized': {
        const body = Buffer.alloc(Number(url.searchParams.get('bytes')), 'a');
        response.writeHead(200, { 'content-length': body.length }).end(body);
        break;
      }
      case '/status':
        response.writeHead(Number(url.searchParams.get('code'))).end();
        break;
      case '/hints':
        response.writeEarlyHints({ link: '</style.css>; rel=preload' });
        response.end('body');
        break;
      case '/wait':
        if (url.searchParams.has('begin')) response.write('first');
        response.on('close', () => waitsEnded.push(url.search));
        break;
      case '/early':
        response.writeHead(413, { 'content-length': 9 }).end('too large');
        break;
      case '/break':
        response.writeHead(200, { 'content-length': 100 });
        response.write('half of it', () => incoming.socket.destroy());
        break;
      default:
        response.end(JSON.stringify(incoming.headers));
    }
  });
  server.on('upgrade', (incoming, socket: Socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${incoming.headers.upgrade}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  await mesh.serve('server', 8080, server);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  trailers: IncomingMessage['trailers'];
  body: string;
}

function ask(path: string, options: { method?: string; headers?: Record<string, string>; body?: Buffer } = {}) {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise<Answer>((resolve, reject) => {
    const asked = request(
      {
        host: mesh.ip('client'),
        port: 4140,
        method,
        path,
        headers: { host: 'server.test:8080', ...headers },
        agent: false,
      },
      async (response) => {
        const read = await text(response).catch(reject);
        resolve({
          status: response.statusCode,
          headers: response.headers,
          trailers: response.trailers,
          body: read ?? '',
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Sends bytes as they are, and reads until the other side closes or `until` has come. */
function raw(bytes: string, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(4140, mesh.ip('client'), () => socket.write(bytes, 'latin1'));
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
      if (until?.test(read)) socket.destroy();
    });
    socket.on('close', () => resolve(read));
    socket.on('error', reject);
    socket.setTimeout(8000, () => socket.destroy(new Error(`nothing more came after: ${read}`)));
  });
}

it('is carried over HTTP/2 and mutual TLS, and arrives as HTTP/1.1 with the client’s verified identity', async () => {
  const { body } = await ask('/headers', { headers: { 'l5d-client-id': 'forged', 'x-own': 'kept' } });
  const headers = JSON.parse(body);
  expect(headers).toMatchObject({
    host: 'server.test:8080',
    'x-own': 'kept',
    'l5d-client-id': 'client.test.serviceaccount.identity.tulle.cluster.local',
  });
  expect(headers['l5d-orig-proto']).toBeUndefined();
  expect(seen.at(-1)?.httpVersion).toBe('1.1');
  expect(await mesh.metric('server', 'request_total', 'direction="inbound"', 'tls="true"')).toBeGreaterThan(0);
  expect(await mesh.metric('server', 'request_total', 'tls="no_identity"')).toBe(0);
});

describe('bodies', () => {
  it.each([0, 1, 1000, 100_000, 3_000_000])('of %d bytes with a length arrive whole', async (bytes) => {
    const { body, headers } = await ask(`/sized?bytes=${bytes}`);
    expect(headers['content-length']).toBe(`${bytes}`);
    expect(body.length).toBe(bytes);
  });

  it('of 5 MB go both ways at once, chunked, with trailers', async () => {
    const sent = Buffer.alloc(5_000_000, 'b');
    const { body, trailers } = await ask('/echo', {
      method: 'POST',
      body: sent,
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(body.length).toBe(sent.length);
    expect(trailers['x-sum']).toBe('done');
  });

  it('HEAD tells the length and has none', async () => {
    const { body, headers } = await ask('/sized?bytes=1234', { method: 'HEAD' });
    expect([headers['content-length'], body]).toEqual(['1234', '']);
  });

  it.each([204, 304])('%d has none', async (code) => {
    expect(await ask(`/status?code=${code}`)).toMatchObject({ status: code, body: '' });
  });

  it('one that breaks off breaks the connection, so that nobody takes it for whole', async () => {
    await expect(ask('/break')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });
});

describe('connections', () => {
  it('pipelined requests are answered in their order', async () => {
    const one = (bytes: number) => `GET /sized?bytes=${bytes} HTTP/1.1\r\nhost: server.test:8080\r\n\r\n`;
    const read = await raw(one(3) + one(5) + one(2), /a{3}[\s\S]*a{5}[\s\S]*\r\n\r\na{2}$/);
    expect(read.match(/content-length: \d/g)).toEqual(['content-length: 3', 'content-length: 5', 'content-length: 2']);
  });

  it('HTTP/1.0 is answered and closed', async () => {
    const read = await raw('GET /sized?bytes=3 HTTP/1.0\r\nhost: server.test:8080\r\n\r\n');
    expect(read).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*aaa$/);
  });

  it('absolute-form is what clients of a proxy send', async () => {
    const read = await raw(
      'GET http://server.test:8080/sized?bytes=4 HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n',
    );
    expect(read).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*aaaa$/);
  });

  it('Upgrade becomes a raw connection both ways', async () => {
    const socket = connect(4140, mesh.ip('client'));
    socket.write('GET /ws HTTP/1.1\r\nhost: server.test:8080\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    let read = '';
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk) => {
        read += chunk;
        if (read.endsWith('\r\n\r\n')) socket.write('ping');
        if (read.endsWith('ping')) resolve();
      });
      socket.on('error', reject);
      socket.setTimeout(5000, () => reject(new Error(`nothing more came after: ${read}`)));
    });
    socket.destroy();
    expect(read).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*upgrade: websocket/);
  });

  it('CONNECT opens a tunnel, in which requests are balanced and counted like any other', async () => {
    const socket = connect(4140, mesh.ip('client'));
    socket.write('CONNECT server.test:8080 HTTP/1.1\r\nhost: server.test:8080\r\n\r\n');
    let read = '';
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk) => {
        read += chunk;
        if (/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/.test(read) && !read.includes('aaaaaa')) {
          socket.write('GET /sized?bytes=6 HTTP/1.1\r\nhost: server.test:8080\r\n\r\n');
        }
        if (read.endsWith('aaaaaa')) resolve();
      });
      socket.on('error', reject);
      socket.setTimeout(5000, () => reject(new Error(`nothing more came after: ${read}`)));
    });
    socket.destroy();
  });

  it('1xx goes before the response; Expect is answered by the server', async () => {
    const hints = await raw('GET /hints HTTP/1.1\r\nhost: server.test:8080\r\nconnection: close\r\n\r\n');
    expect(hints).toMatch(/^HTTP\/1\.1 103 [\s\S]*rel=preload[\s\S]*HTTP\/1\.1 200 OK[\s\S]*body/);
    const expecting = await raw(
      'POST /echo HTTP/1.1\r\nhost: server.test:8080\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n',
      /100 Continue\r\n\r\n/,
    );
    expect(expecting).toMatch(/^HTTP\/1\.1 100 Continue/);
  });
});

describe('a client that ends its direction', () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: server.test:8080\r\n\r\n`;
  /** A client that does what a test says, and all that it read. */
  async function dial(bytes: string): Promise<{ socket: Socket; read: () => string }> {
    const socket = connect({ port: 4140, host: mesh.ip('client'), allowHalfOpen: true });
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(bytes);
    return { socket, read: () => read };
  }

  it('with its requests is answered each of them', async () => {
    const { socket, read } = await dial(get('/sized?bytes=3') + get('/sized?bytes=4'));
    socket.end();
    await once(socket, 'end');
    expect(read()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*aaaHTTP\/1\.1 200 OK[\s\S]*\r\n\r\naaaa$/);
  });

  it.each([
    ['while its answer is awaited', '?late', false],
    ['while its answer is under way', '?begin', false],
    ['and the other with it, by a reset', '?reset', true],
  ])('%s, later, has gone: the server hears of it', async (_when, query, reset) => {
    const asked = seen.length;
    const { socket, read } = await dial(get(`/wait${query}`));
    await vi.waitFor(() => expect(seen.length).toBe(asked + 1), 5000);
    if (query === '?begin') await vi.waitFor(() => expect(read()).toContain('first'), 5000);
    // Not right behind its request: what the proxy tells apart by.
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (reset) socket.resetAndDestroy();
    else socket.end();
    await vi.waitFor(() => expect(waitsEnded).toContain(query), 3000);
    socket.destroy();
  });
});

it('an upload that is answered before its end is taken to its end, so that the answer is read', async () => {
  const length = 5_000_000;
  const socket = connect(4140, mesh.ip('client'));
  let failed: Error | undefined;
  socket.on('error', (error) => {
    failed = error;
  });
  socket.pause();
  socket.write(`POST /early HTTP/1.1\r\nhost: server.test:8080\r\ncontent-length: ${length}\r\n\r\n`);
  for (let sent = 0; sent < length; sent += 50_000) {
    if (!socket.write(Buffer.alloc(50_000))) await once(socket, 'drain');
  }
  let read = '';
  socket.on('data', (chunk) => {
    read += chunk.toString('latin1');
  });
  socket.resume();
  await once(socket, 'end');
  socket.destroy();
  expect(failed).toBeUndefined();
  expect(read).toMatch(/^HTTP\/1\.1 413 Content Too Large\r\n[\s\S]*connection: close\r\n[\s\S]*too large$/);
});

describe('what is malformed is refused with 400 and a closed connection, and never reaches the server', () => {
  it.each([
    ['two lengths', 'POST / HTTP/1.1\r\nhost: server.test:8080\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    [
      'length and chunked',
      'POST / HTTP/1.1\r\nhost: server.test:8080\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a bare line feed', 'GET / HTTP/1.1\nhost: server.test:8080\n\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nhost : server.test:8080\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nhost: server.test:8080\r\nx: a\r\n b\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a bad chunk', 'POST /echo HTTP/1.1\r\nhost: server.test:8080\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
  ])('%s', async (_name, bytes) => {
    const before = seen.length;
    const read = await raw(bytes);
    expect(read).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(
      seen.filter(({ url }) => url === '/').length - seen.slice(0, before).filter(({ url }) => url === '/').length,
    ).toBe(0);
  });
});

it('requests, statuses and errors are counted on both sides', async () => {
  const count = (side: string, code: number) =>
    mesh.metric(
      side,
      'response_total',
      `status_code="${code}"`,
      `classification="${code < 500 ? 'success' : 'failure'}"`,
    );
  const before = await Promise.all([count('client', 503), count('server', 503)]);
  expect((await ask('/status?code=503')).status).toBe(503);
  expect(await Promise.all([count('client', 503), count('server', 503)])).toEqual(before.map((value) => value + 1));
  expect(await mesh.metric('client', 'outbound_http_errors_total', 'error="bad request"')).toBeGreaterThan(0);
});
