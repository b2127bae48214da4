import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, onTestFinished, vi } from 'vitest';
import { unknownPeer } from '../../proxy/wire/http2/cancel-budget.ts';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { Flag, FrameType, frame, preface, RawHttp2, requestBlock, settings, uint32Bytes } from '../proxy/raw-http2.ts';
import type { Flood } from './flood-worker.ts';
import { Neighbour } from './neighbour.ts';
import { scrape, startApplication, sumOf } from './upstream.ts';
import { vector } from './vector.ts';

/** Attackers come from another address than the neighbour, whose calls must go on. */
const attackers = '127.0.0.66';
/** Fits into the window that the proxy gives to the application. */
const large = Buffer.alloc(60_000, 'x');
let server: Http2Server;
let proxy: LoneProxy;
let streams: number;
let connections: number;

beforeEach(async () => {
  streams = 0;
  connections = 0;
  server = createServer({ settings: { maxConcurrentStreams: 10_000 }, maxSessionMemory: 1000 });
  server.on('session', () => {
    connections++;
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    streams++;
    stream.on('error', () => {}).resume();
    if (headers[':path'] === '/hang') return;
    stream.respond({ ':status': 200 });
    stream.end(headers[':path'] === '/large' ? large : 'ok');
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  proxy = await LoneProxy.start((server.address() as AddressInfo).port, {
    LINKERD2_PROXY_INBOUND_CLIENT_MAX_UNREAD_BYTES: '20000000',
  });
}, 40_000);
afterEach(async () => {
  await proxy?.stop();
  server?.close();
});

const get = (id: number, path: string, ...more: [string, string][]): Buffer =>
  frame(FrameType.headers, Flag.endHeaders | Flag.endStream, id, requestBlock('GET', path, ...more));
const ids = Array.from({ length: 1000 }, (_, i) => 2 * i + 1);

/** Resolves to the number of connections that were opened. */
function flood(workerData: Flood): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('flood-worker.ts', import.meta.url), { workerData });
    worker.once('message', resolve).once('error', reject);
  });
}

/**
 * Runs an attack beside a neighbour: its calls must all succeed, 99 of 100 within three seconds. That is long for a
 * machine which has nothing else to do; where the proxy does nothing else, one takes as long as the attack.
 */
async function beside(to: LoneProxy, attack: () => Promise<void>): Promise<void> {
  const neighbour = new Neighbour(to.inbound);
  await vi.waitFor(() => expect(neighbour.latenciesMs.length).toBeGreaterThan(20), 10_000);
  try {
    await attack();
  } finally {
    await neighbour.stop();
  }
  expect(neighbour.failures).toEqual([]);
  expect(neighbour.quantileMs(0.99)).toBeLessThan(3000);
}

vector(
  {
    who: 'net',
    attack: 'four HTTP/2 connections whose windows stay shut ask for 60 kB eight hundred times',
    promise: 'no more than its share waits for a client, what is beyond is reset and counted, and others are served',
  },
  () =>
    beside(proxy, async () => {
      const before = proxy.memoryMb();
      const clients = await Promise.all(
        Array.from({ length: 4 }, () => RawHttp2.connect(proxy.inbound, settings([4, 0]), attackers)),
      );
      onTestFinished(() => clients.forEach((client) => void client.close()));
      await Promise.all(clients.map((client) => client.send(...ids.slice(0, 200).map((id) => get(id, '/large')))));
      await vi.waitFor(
        async () => expect(sumOf(await scrape(proxy), 'proxy_client_refused_total', 'unread')).toBeGreaterThan(100),
        20_000,
      );
      expect(proxy.memoryMb() - before).toBeLessThan(100);
      expect(proxy.errors()).toBe('');
    }),
  60_000,
);

vector(
  {
    who: 'net',
    attack:
      'a request says that a proxy carried it over from HTTP/1, to get a connection to the application for itself',
    promise: 'it is believed of clients with a certificate alone: the request goes on as what it is',
  },
  async () => {
    const before = connections;
    const client = await RawHttp2.connect(proxy.inbound, settings(), attackers);
    onTestFinished(() => client.close());
    await client.send(...ids.slice(0, 200).map((id) => get(id, '/', ['l5d-orig-proto', 'HTTP/1.1'])));
    await vi.waitFor(() => expect(client.statuses()).toHaveLength(200), 10_000);
    expect(new Set(client.statuses())).toEqual(new Set(['200']));
    expect(connections - before).toBeLessThan(20);
  },
  30_000,
);

vector(
  {
    who: 'net',
    attack: 'requests that are reset at once, a hundred on each of ever new connections, for six seconds',
    promise:
      'what one client resets is counted over all of its connections, few reach the application, others are served',
  },
  () =>
    beside(proxy, async () => {
      const before = { streams, connections, memoryMb: proxy.memoryMb() };
      const pairs = ids
        .slice(0, 100)
        .flatMap((id) => [get(id, '/hang'), frame(FrameType.rstStream, 0, id, uint32Bytes(8))]);
      const bytes = Buffer.concat([preface, settings(), ...pairs]);
      const flooded = 100 * (await flood({ port: proxy.inbound, from: attackers, bytes, atOnce: 8, forMs: 6000 }));
      const text = await scrape(proxy);
      expect(flooded).toBeGreaterThan(10_000);
      expect(sumOf(text, 'proxy_client_refused_total', 'resets')).toBeGreaterThan(0);
      // The budget of a minute, and of each further connection the one request that comes before its first reset.
      expect(streams - before.streams).toBeLessThan(5000 + flooded / 100);
      // A connection to a server that may be any is left after so many resets at the earliest, and not sooner.
      expect(connections - before.connections).toBeLessThan((streams - before.streams) / unknownPeer.few + 20);
      expect(proxy.memoryMb() - before.memoryMb).toBeLessThan(100);
      expect(proxy.errors()).toBe('');
    }),
  60_000,
);

vector(
  {
    who: 'net',
    attack: 'forty HTTP/1 connections that ask for twelve megabytes each and read nothing',
    promise: 'what waits for a client is bounded over all of its connections, whatever protocol it speaks',
  },
  async () => {
    const body = Buffer.alloc(12_000_000, 'x');
    const application = await startApplication((_request, response) => response.end(body));
    const own = await LoneProxy.start(application.port, {
      LINKERD2_PROXY_INBOUND_CLIENT_MAX_UNREAD_BYTES: '4000000',
    });
    const sockets: Socket[] = [];
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      await own.stop();
      application.close();
    });
    const before = own.memoryMb();
    for (let i = 0; i < 40; i++) {
      const socket = connect({ port: own.inbound, host: '127.0.0.1', localAddress: attackers }, () =>
        socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
      );
      sockets.push(socket.on('error', () => {}).pause());
    }
    await vi.waitFor(
      async () => expect(sumOf(await scrape(own), 'proxy_client_refused_total', 'unread')).toBeGreaterThan(0),
      20_000,
    );
    expect(own.memoryMb() - before).toBeLessThan(60);
    expect(own.errors()).toBe('');
  },
  60_000,
);

vector(
  {
    who: 'net',
    attack: 'two thousand connections in a moment, each with a request that the application does not answer',
    promise: 'a client has so many connections and requests at once, and the others get theirs',
  },
  async () => {
    const application = await startApplication(() => {});
    const limits = {
      LINKERD2_PROXY_INBOUND_CLIENT_MAX_IN_FLIGHT: '100',
      LINKERD2_PROXY_INBOUND_CLIENT_MAX_CONNS: '300',
    };
    const own = await LoneProxy.start(application.port, limits);
    const sockets: Socket[] = [];
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      await own.stop();
      application.close();
    });
    for (let i = 0; i < 2000; i++) {
      const socket = connect({ port: own.inbound, host: '127.0.0.1', localAddress: attackers }, () =>
        socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
      );
      sockets.push(socket.on('error', () => {}).resume());
      if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await vi.waitFor(async () => {
      const text = await scrape(own);
      expect(sumOf(text, 'proxy_client_refused_total', '"connections"')).toBeGreaterThan(1500);
      expect(sumOf(text, 'proxy_client_refused_total', '"requests"')).toBeGreaterThan(100);
    }, 20_000);
    expect(application.mostAtOnce()).toBeLessThanOrEqual(100);
    const other = await new Promise<Socket>((resolve) => {
      const socket = connect(own.inbound, '127.0.0.1', () => resolve(socket));
    });
    sockets.push(other);
    other.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await vi.waitFor(() => expect(application.mostAtOnce()).toBe(101), 5000);
  },
  60_000,
);
