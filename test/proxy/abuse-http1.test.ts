import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';
import { acceptedConnections } from './open-sockets.ts';

/** Peers that abuse HTTP/1, clients and servers, over real sockets against a real proxy process. */
let server: Server;
let proxy: LoneProxy;
const sockets: Socket[] = [];
const environment = { LINKERD2_PROXY_HTTP_HEAD_TIMEOUT: '700ms', LINKERD2_PROXY_HTTP_STALL_TIMEOUT: '1500ms' };

beforeAll(async () => {
  server = createServer((incoming, response) => {
    incoming.resume();
    response.on('error', () => {});
    if (incoming.url === '/whole') incoming.on('end', () => response.end('ok'));
    else if (incoming.url === '/large') response.end(Buffer.alloc(20_000_000, 'x'));
    else response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((server.address() as AddressInfo).port, environment);
}, 40_000);
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await proxy?.stop();
  server?.close();
  server?.closeAllConnections();
});

interface Raw {
  readonly socket: Socket;
  /** The first of what came, as far as `keptBytes`. */
  read: string;
  readBytes: number;
  closed: boolean;
}

const keptBytes = 100_000;

function dial(port: number): Promise<Raw> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(raw));
    const raw: Raw = { socket, read: '', readBytes: 0, closed: false };
    sockets.push(raw.socket);
    raw.socket.on('data', (chunk) => {
      raw.readBytes += chunk.length;
      if (raw.read.length < keptBytes) raw.read += chunk.toString('latin1');
    });
    raw.socket
      .on('error', () => {})
      .on('close', () => {
        raw.closed = true;
      });
  });
}

const closed = (raw: Raw) => vi.waitFor(() => expect(raw.closed).toBe(true), 8000);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function answers(port = proxy.inbound): Promise<void> {
  const raw = await dial(port);
  raw.socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  await closed(raw);
  expect(raw.read).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok/);
}

describe('clients', () => {
  it('that send a head byte by byte get 408 and are closed, while others are served', async () => {
    const slow = await Promise.all(Array.from({ length: 50 }, () => dial(proxy.inbound)));
    for (const raw of slow) raw.socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n');
    for (let i = 0; i < 200 && slow.some((raw) => !raw.closed); i++) {
      for (const raw of slow) if (!raw.closed) raw.socket.write('x');
      await pause(20);
      if (i % 20 === 0) await answers();
    }
    await Promise.all(slow.map(closed));
    for (const raw of slow) expect(raw.read).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  });

  it('that are idle between requests stay, and ones that pipeline slowly too', async () => {
    const raw = await dial(proxy.inbound);
    for (let i = 0; i < 4; i++) {
      raw.socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT');
      await pause(500);
      raw.socket.write('TP/1.1\r\nhost: a\r\n\r\n');
      await pause(100);
    }
    await pause(1500);
    expect([raw.closed, raw.read.split('200 OK').length - 1]).toEqual([false, 8]);
  });

  it('that do not read hold no more than a window, and are closed in the end', async () => {
    const before = proxy.memoryMb();
    const socketsBefore = proxy.openSockets();
    const deaf = await Promise.all(Array.from({ length: 20 }, () => dial(proxy.inbound)));
    for (const { socket } of deaf) {
      socket.pause();
      socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(100));
    }
    expect(acceptedConnections(proxy.inbound)).toBeGreaterThanOrEqual(deaf.length);
    let highest = 0;
    const watch = setInterval(() => {
      highest = Math.max(highest, proxy.memoryMb());
    }, 50);
    await answers();
    // A client that does not read does not see its end either; a connection to the application may be idle.
    const ended = (): void => {
      expect(acceptedConnections(proxy.inbound)).toBe(0);
      expect(proxy.openSockets()).toBeLessThan(socketsBefore + 3);
    };
    await vi.waitFor(ended, { timeout: 15_000 }).finally(() => clearInterval(watch));
    for (const { socket } of deaf) socket.resume();
    await Promise.all(deaf.map(closed));
    expect(highest - before).toBeLessThan(80);
    for (const raw of deaf) expect(raw.readBytes).toBeLessThan(20_000_000);
  });

  it('that go on behind a refused request are cut off, not read for ever', async () => {
    const raw = await dial(proxy.inbound);
    raw.socket.write('GET / HTTP/1.1\r\nhost : a\r\n\r\n');
    const junk = Buffer.alloc(1024);
    const junkUntilMs = Date.now() + 20_000;
    while (!raw.closed && Date.now() < junkUntilMs) {
      raw.socket.write(junk);
      await pause(20);
    }
    expect(raw.closed).toBe(true);
    expect(raw.read).toMatch(/^HTTP\/1\.1 400 /);
  }, 25_000);

  it.each([
    ['a head', 431, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'v'.repeat(70_000)}\r\n\r\n`],
    ['a head without end', 431, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'v'.repeat(100_000)}`],
    ['many fields', 431, `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(3000)}\r\n`],
    ['a target', 414, `GET /${'p'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`],
    [
      'trailers',
      431,
      `POST /whole HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ${'v'.repeat(70_000)}\r\n\r\n`,
    ],
  ])('that send %s above the limit get %d', async (_name, status, bytes) => {
    const raw = await dial(proxy.inbound);
    raw.socket.write(bytes);
    await vi.waitFor(() => expect(raw.read).toMatch(/\r\n\r\n/), 5000);
    expect(raw.read).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    raw.socket.end();
    await closed(raw);
  });
});

describe('servers', () => {
  /** A proxy before a server that answers every request by `answer`. */
  async function proxyBefore(
    answer: (socket: Socket) => void,
  ): Promise<{ proxy: LoneProxy; stop: () => Promise<void> }> {
    const accepted = new Set<Socket>();
    const bad = createTcpServer((socket) => {
      accepted.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => answer(socket));
    });
    await new Promise<void>((resolve) => bad.listen(0, '127.0.0.1', resolve));
    const lone = await LoneProxy.start((bad.address() as AddressInfo).port, environment);
    return {
      proxy: lone,
      stop: async () => {
        await lone.stop();
        bad.close();
        for (const socket of accepted) socket.destroy();
      },
    };
  }

  it.each([
    ['informational responses without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)],
    ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'v'.repeat(200_000)}`],
    ['something else', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
  ])('that send %s fail the request, not the proxy', async (_name, bytes) => {
    const { proxy: lone, stop } = await proxyBefore((socket) => socket.write(bytes));
    try {
      const raw = await dial(lone.inbound);
      raw.socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      await closed(raw);
      expect(raw.read).toMatch(/HTTP\/1\.1 502 Bad Gateway\r\n/);
      expect(lone.errors()).toBe('');
    } finally {
      await stop();
    }
  });

  it('that answer for ever to a client that reads slowly are held back', async () => {
    const body = Buffer.alloc(64 * 1024, 'x');
    const { proxy: lone, stop } = await proxyBefore((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(body));
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    });
    try {
      const start = lone.memoryMb();
      const raw = await dial(lone.inbound);
      raw.socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      raw.socket.pause();
      await pause(1200);
      expect(lone.memoryMb() - start).toBeLessThan(30);
    } finally {
      await stop();
    }
  });
});
