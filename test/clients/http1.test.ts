import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Client, fetch, ProxyAgent } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { TestMesh } from '../proxy/test-mesh.ts';
import { type Http1Log, http1Server } from './http1-server.ts';

/** HTTP/1 as its clients speak it: undici, fetch, node:http, ws; through a pair of sidecars. */
let mesh: TestMesh;
let log: Http1Log;
const host = 'server.test:8080';

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080] }]);
  const application = http1Server();
  log = application.log;
  await mesh.serve('server', 8080, application.server);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

const proxyUrl = () => `http://${mesh.ip('client')}:4140`;
/** Connections that applications have made to the client's sidecar. */
const connections = () => mesh.metric('client', 'tcp_open_total', 'direction="outbound"', 'peer="src"');

describe('undici', () => {
  it('pipelines: 40 requests on one connection, answered in order though the first are the slowest', async () => {
    const before = await connections();
    const client = new Client(proxyUrl(), { pipelining: 40 });
    const ask = async (i: number) => {
      const { body } = await client.request({ path: `/late?ms=${40 - i}`, method: 'GET', headers: { host } });
      return body.text();
    };
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i)));
    expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => `${40 - i}`));
    expect(await connections()).toBe(before + 1);
    await client.close();
  });

  it('keeps a connection for 150 requests of different kinds', async () => {
    const before = await connections();
    const client = new Client(proxyUrl());
    for (let i = 0; i < 50; i++) {
      const sized = await client.request({ path: `/sized?bytes=${i * 100}`, method: 'GET', headers: { host } });
      expect((await sized.body.arrayBuffer()).byteLength).toBe(i * 100);
      const sent = await client.request({ path: '/echo', method: 'POST', headers: { host }, body: 'x'.repeat(i) });
      expect(await sent.body.text()).toBe('x'.repeat(i));
      expect(sent.trailers['x-bytes']).toBe(`${i}`);
      const deleted = await client.request({ path: '/', method: 'DELETE', headers: { host } });
      expect(await deleted.body.json()).toMatchObject({ method: 'DELETE' });
    }
    expect(await connections()).toBe(before + 1);
    await client.close();
  });

  it('is told the length of what HEAD does not give', async () => {
    const client = new Client(proxyUrl());
    const { headers: told, body } = await client.request({
      path: '/sized?bytes=12',
      method: 'HEAD',
      headers: { host },
    });
    expect([told['content-length'], await body.text()]).toEqual(['12', '']);
    await client.close();
  });

  it('gives up a response in the middle, and goes on with others', async () => {
    const client = new Client(proxyUrl());
    const abort = new AbortController();
    const options = { path: '/sized?bytes=50000000', method: 'GET', headers: { host }, signal: abort.signal } as const;
    const { body } = await client.request(options);
    await new Promise((resolve) => body.once('readable', resolve));
    abort.abort();
    await expect(body.text()).rejects.toThrow(/abort/);
    const next = await client.request({ path: '/sized?bytes=3', method: 'GET', headers: { host } });
    expect(await next.body.text()).toBe('xxx');
    await client.close();
  });

  it.each([
    ['in absolute-form', false],
    ['in a tunnel of CONNECT', true],
  ])('fetch finds the sidecar as a proxy, %s', async (_form, proxyTunnel) => {
    const dispatcher = new ProxyAgent({ uri: proxyUrl(), proxyTunnel });
    const sent = Buffer.alloc(1_000_000, 'z');
    const response = await fetch(`http://${host}/echo`, { method: 'POST', body: sent, dispatcher });
    expect(sent.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
    await dispatcher.close();
  });

  it('a tunnel by its own CONNECT carries bytes both ways, and half-closes', async () => {
    const client = new Client(proxyUrl());
    const { socket, statusCode } = await client.connect({ path: host });
    expect(statusCode).toBe(200);
    socket.end(`GET /sized?bytes=5 HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nxxxxx$/);
    await client.destroy();
  });
});

describe('node:http', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  afterAll(() => agent.destroy());
  const start = (options: RequestOptions): ClientRequest =>
    request({ host: mesh.ip('client'), port: 4140, agent, ...options, headers: { host, ...options.headers } });
  const answerTo = (asked: ClientRequest): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => asked.on('response', resolve).on('error', reject));

  it('Expect: 100-continue holds the body back until the server wants it', async () => {
    const asked = start({ method: 'POST', path: '/echo', headers: { expect: '100-continue', 'content-length': '4' } });
    asked.flushHeaders();
    await new Promise((resolve) => asked.once('continue', resolve));
    asked.end('body');
    expect(await text(await answerTo(asked))).toBe('body');
  });

  it('a server that refuses the body before it is sent is heard', async () => {
    const asked = start({
      method: 'POST',
      path: '/refuse',
      headers: { expect: '100-continue', 'content-length': '9' },
    });
    const continued = vi.fn();
    asked.on('continue', continued);
    asked.flushHeaders();
    const response = await answerTo(asked);
    expect([response.statusCode, await text(response)]).toEqual([413, 'too large']);
    expect(continued).not.toHaveBeenCalled();
    asked.destroy();
  });

  it('103 comes as information before the response', async () => {
    const asked = start({ path: '/hints' });
    const hints: unknown[] = [];
    asked.on('information', ({ statusCode, headers }) => hints.push([statusCode, headers.link]));
    asked.end();
    expect(await text(await answerTo(asked))).toBe('body');
    expect(hints).toEqual([[103, '</a.css>; rel=preload, </b.css>; rel=preload']]);
  });

  it('trailers go up with a chunked request, and come back with its response', async () => {
    const asked = start({ method: 'POST', path: '/echo', headers: { trailer: 'x-check', te: 'trailers' } });
    asked.write('chunk');
    asked.addTrailers({ 'x-check': 'passed' });
    asked.end();
    const response = await answerTo(asked);
    expect(await text(response)).toBe('chunk');
    expect(response.trailers).toMatchObject({ 'x-bytes': '5', 'x-check': 'passed' });
  });

  it('a response to HTTP/1.0 ends with its connection, without chunks', async () => {
    const socket = connect(4140, mesh.ip('client'));
    socket.end(`POST /echo HTTP/1.0\r\nhost: ${host}\r\ncontent-length: 4\r\n\r\nbody`);
    const read = await text(socket);
    expect(read).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nbody$/);
    expect(read.toLowerCase()).not.toContain('transfer-encoding');
  });

  it('100 requests pipelined by hand, in pieces cut anywhere, are each answered in order', async () => {
    const socket = connect(4140, mesh.ip('client'));
    socket.setNoDelay(true);
    const bytes = Buffer.from(
      Array.from({ length: 100 }, (_, i) =>
        i % 2 === 0
          ? `GET /sized?bytes=${i} HTTP/1.1\r\nhost: ${host}\r\n\r\n`
          : `POST /echo HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${i}\r\n\r\n${'x'.repeat(i)}`,
      ).join(''),
    );
    const read = readAll(
      socket,
      (soFar) => soFar.split('HTTP/1.1 200 OK').length === 101 && /0\r\n[\s\S]*\r\n\r\n$/.test(soFar),
    );
    for (let at = 0; at < bytes.length; at += 997) {
      socket.write(bytes.subarray(at, at + 997));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = (await read).split('HTTP/1.1 200 OK\r\n').slice(1);
    const lengths = answers.map((answer) => (answer.match(/(?<=\n)x+/)?.[0] ?? '').length);
    expect(lengths).toEqual(Array.from({ length: 100 }, (_, i) => i));
    socket.destroy();
  });
});

/** What a socket gives until it ends or `enough` has come. */
function readAll(socket: Socket, enough: (soFar: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
      if (enough(read)) resolve(read);
    });
    socket.on('end', () => resolve(read));
    socket.on('error', reject);
    socket.setTimeout(8000, () => reject(new Error(`nothing more came after: ${read.slice(-200)}`)));
  });
}

describe('ws', () => {
  const open = (path = '/ws', compressed = false): WebSocket =>
    new WebSocket(`ws://${host}${path}`, {
      createConnection: () => connect(4140, mesh.ip('client')),
      perMessageDeflate: compressed,
      maxPayload: 64 * 1024 * 1024,
    });
  const opened = async (...options: Parameters<typeof open>): Promise<WebSocket> => {
    const socket = open(...options);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return socket;
  };
  const next = (socket: WebSocket): Promise<Buffer> =>
    new Promise((resolve, reject) => socket.once('message', resolve).once('error', reject));
  const closed = (socket: WebSocket): Promise<[number, string]> =>
    new Promise((resolve) => socket.once('close', (code, reason) => resolve([code, String(reason)])));

  it.each([
    [1, false],
    [125, false],
    [65_536, false],
    [16 * 1024 * 1024, false],
    [1_000_000, true],
  ])('a frame of %d bytes comes back as it was (compressed: %s)', async (bytes, compressed) => {
    const socket = await opened('/ws', compressed);
    const sent = Buffer.alloc(bytes, 'websocket ');
    socket.send(sent);
    expect(sent.equals(await next(socket))).toBe(true);
    socket.close();
    await closed(socket);
  });

  it('1,000 messages without a pause come back in order', async () => {
    const socket = await opened();
    const answers: string[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        answers.push(String(data));
        if (answers.length === 1000) resolve();
      });
    });
    for (let i = 0; i < 1000; i++) socket.send(`${i}`);
    await done;
    expect(answers).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`));
    socket.close();
    await closed(socket);
  });

  it('pings are answered by the application', async () => {
    const socket = await opened();
    const pong = new Promise((resolve) => socket.once('pong', (data) => resolve(String(data))));
    socket.ping('are you there');
    expect(await pong).toBe('are you there');
    socket.close();
    await closed(socket);
  });

  it('close codes and reasons pass both ways', async () => {
    const fromClient = await opened();
    fromClient.close(4001, 'had enough');
    expect(await closed(fromClient)).toEqual([4001, 'had enough']);
    await vi.waitFor(() => expect(log.closes.at(-1)).toEqual({ code: 4001, reason: 'had enough' }));
    const fromServer = await opened();
    fromServer.send('close 1011');
    expect(await closed(fromServer)).toEqual([1011, 'as asked']);
  });

  it('one side that vanishes is missed at once on the other: 1006', async () => {
    const server = await opened();
    server.send('vanish');
    expect(await closed(server)).toEqual([1006, '']);
    const client = await opened();
    client.terminate();
    await vi.waitFor(() => expect(log.closes.at(-1)?.code).toBe(1006));
  });

  it('an upgrade that the server refuses is a plain response', async () => {
    const refused = open('/refuse');
    const status = await new Promise((resolve) => {
      refused.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      refused.on('error', () => {});
    });
    expect(status).toBe(426);
    refused.terminate();
  });
});

it('whatever came, the application saw HTTP/1.1, all of it came over mutual TLS, and no connection is left', async () => {
  expect(new Set(log.requests.map(({ httpVersion }) => httpVersion))).toEqual(new Set(['1.1']));
  expect(log.requests.length).toBeGreaterThan(200);
  expect(await mesh.metric('server', 'request_total', 'direction="inbound"', 'tls="no_identity"')).toBe(0);
  await vi.waitFor(async () =>
    expect(await mesh.metric('client', 'tcp_open_connections', 'direction="outbound"', 'peer="src"')).toBe(0),
  );
});
