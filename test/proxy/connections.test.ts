import { createServer, get, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

const settings = (values: Record<string, string>): Record<string, string> => ({
  'config.tulle.dev/proxy-additional-env': JSON.stringify(
    Object.entries(values).map(([name, value]) => ({ name: `LINKERD2_PROXY_${name}`, value })),
  ),
});
const keepAlive = { intervalMs: 300, timeoutMs: 200 };
/** The longest that a dead peer may go unnoticed: silence is seen an interval after it began, at the latest. */
/** The control plane tells how long a peer may be silent, and then has to answer: its word holds, not the variables. */
const noticedMs = 13_000;
const idleMs = 400;
const maxInFlight = 3;

describe('connections', () => {
  let mesh: TestMesh;
  /** The server's ends of tunnels, by what their clients call themselves. */
  const tunnels = new Map<string, Socket>();
  const open = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  let perSession = Number.POSITIVE_INFINITY;
  /** That the HTTP/2 application was sent. */
  let pings = 0;

  beforeAll(async () => {
    mesh = await TestMesh.start([
      {
        name: 'client',
        annotations: settings({
          OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL: `${keepAlive.intervalMs}ms`,
          OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT: `${keepAlive.timeoutMs}ms`,
          OUTBOUND_CLIENT_HTTP2_KEEP_ALIVE_INTERVAL: `${keepAlive.intervalMs}ms`,
          OUTBOUND_CLIENT_HTTP2_KEEP_ALIVE_TIMEOUT: `${keepAlive.timeoutMs}ms`,
          OUTBOUND_MAX_IN_FLIGHT: `${maxInFlight}`,
        }),
      },
      {
        name: 'server',
        ports: [8080, 9090, 2525],
        annotations: {
          ...settings({
            INBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT: `${idleMs}ms`,
            INBOUND_CLIENT_HTTP2_KEEP_ALIVE_INTERVAL: '50ms',
            INBOUND_CLIENT_HTTP2_KEEP_ALIVE_TIMEOUT: '50ms',
          }),
          'config.tulle.dev/opaque-ports': '2525',
        },
      },
    ]);
    const web = createServer((request, response) => {
      if (request.url !== '/never') response.end('answered');
    });
    web.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
    await mesh.serve('server', 8080, web);
    const http2 = createHttp2Server();
    http2.on('session', (session) => {
      sessions.add(session);
      let served = 0;
      session.on('ping', () => pings++);
      session.on('stream', (stream, headers) => {
        if (headers[':path'] === '/later') {
          // Twenty intervals of the sidecar's keep-alive.
          setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 1000);
          return;
        }
        stream.respond({ ':status': 200 });
        stream.end('answered');
        // GOAWAY: what has been taken is answered, what comes now is not.
        if (++served === perSession) session.close();
      });
    });
    await mesh.serve('server', 9090, http2);
    await mesh.serveTcp('server', 2525, (socket) => {
      socket.on('data', (name) => {
        tunnels.set(`${name}`, socket);
        socket.write('ready');
      });
    });
    await mesh.ready();
  }, 60_000);
  afterAll(() => mesh.stop());

  const call = (path = '/') =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = {
        host: mesh.ip('client'),
        port: 4140,
        path,
        headers: { host: 'server.test:8080' },
        agent: false,
      };
      get({ ...options, timeout: 8000 }, (response: IncomingMessage) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });

  describe('over HTTP/2', () => {
    it('whose client answers nothing any more are closed', async () => {
      const socket = connect(4140, mesh.ip('client'));
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.on('error', () => {});
      socket.resume();
      const began = performance.now();
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(Buffer.from('000000040000000000', 'hex'));
      await closed;
      expect(performance.now() - began).toBeGreaterThanOrEqual(keepAlive.intervalMs);
    });

    it('whose client answers pings stay open, however long they are idle', async () => {
      const client = connectHttp2(`http://${mesh.ip('client')}:4140`);
      let pings = 0;
      client.on('ping', () => pings++);
      await vi.waitFor(() => expect(pings).toBeGreaterThan(1), 5000);
      expect(client.closed || client.destroyed).toBe(false);
      client.close();
    });

    it('to a peer that is frozen are given up, and their requests answered; a new one is made when it is back', async () => {
      expect(await call()).toBe(200);
      const pid = mesh.pid('server', 'tulle-proxy');
      const waiting = call('/never');
      await vi.waitFor(async () => expect(await mesh.metric('server', 'request_total', 'direction="inbound"')).toBe(2));
      const began = performance.now();
      process.kill(pid, 'SIGSTOP');
      try {
        expect(await waiting).toBe(502);
        expect(performance.now() - began).toBeLessThan(noticedMs + 2000);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await vi.waitFor(async () => expect(await call()).toBe(200), { timeout: 10_000, interval: 200 });
    });

    it('to the application are never asked for a sign of life: gRPC servers end those that are', async () => {
      pings = 0;
      const client = connectHttp2(`http://${mesh.ip('client')}:4140`);
      const stream = client.request({ ':path': '/later', ':authority': 'server.test:9090' });
      const status = await new Promise((resolve, reject) => {
        stream.on('response', (headers) => resolve(headers[':status']));
        stream.on('error', reject);
      });
      client.close();
      expect([status, pings]).toEqual([200, 0]);
    });

    it('that the application closes with GOAWAY cost no request', async () => {
      perSession = 5;
      const client = connectHttp2(`http://${mesh.ip('client')}:4140`);
      const statuses = new Map<number | undefined, number>();
      const one = () =>
        new Promise<void>((resolve, reject) => {
          const stream = client.request({ ':path': '/', ':authority': 'server.test:9090' });
          stream.on('response', (headers) =>
            statuses.set(headers[':status'], (statuses.get(headers[':status']) ?? 0) + 1),
          );
          stream.on('error', reject);
          stream.on('close', () => resolve());
          stream.resume();
        });
      const worker = async () => {
        for (let i = 0; i < 30; i++) await one();
      };
      await Promise.all([worker(), worker()]);
      client.close();
      expect(Object.fromEntries(statuses)).toEqual({ 200: 60 });
      expect(sessions.size).toBeGreaterThan(5);
    });
  });

  it('to the application that no request has used for a while are closed', async () => {
    expect(await call()).toBe(200);
    await vi.waitFor(() => expect([...open].filter(({ destroyed }) => !destroyed)).toEqual([]), 5000);
  });

  it('beyond what may be in flight, requests are refused at once; the others are not', async () => {
    const asked = Array.from({ length: maxInFlight }, () => {
      const request = get({
        host: mesh.ip('client'),
        port: 4140,
        path: '/never',
        headers: { host: 'server.test:8080' },
        agent: false,
      });
      request.on('error', () => {});
      return request;
    });
    await vi.waitFor(async () => expect(await call()).toBe(503), 5000);
    for (const request of asked) request.socket?.resetAndDestroy();
    await vi.waitFor(async () => expect(await call()).toBe(200), 5000);
  });

  describe('of opaque bytes', () => {
    const tunnel = async (): Promise<[client: Socket, server: Socket]> => {
      const name = `tunnel ${tunnels.size}`;
      const client = connect(4140, mesh.ip('client'));
      client.write('CONNECT server.test:2525 HTTP/1.1\r\nhost: server.test:2525\r\n\r\n');
      let read = '';
      client.on('data', (chunk) => {
        read += chunk;
      });
      await vi.waitFor(() => expect(read).toContain('200'), 5000);
      client.write(name);
      await vi.waitFor(() => expect(read).toContain('ready'), 5000);
      return [client, tunnels.get(name)!];
    };
    const endOf = (socket: Socket): Promise<string> =>
      new Promise((resolve) => {
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
        socket.on('end', () => resolve('FIN'));
      });

    it('that the server breaks are broken for the client, not ended', async () => {
      const [client, server] = await tunnel();
      const end = endOf(client);
      server.resetAndDestroy();
      expect(await end).toBe('ECONNRESET');
    });

    it('that the client breaks are broken for the server, not ended', async () => {
      const [client, server] = await tunnel();
      const end = endOf(server);
      client.resetAndDestroy();
      expect(await end).toBe('ECONNRESET');
    });
  });
});
