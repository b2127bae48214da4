import { createServer, get } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestMesh } from '../proxy/test-mesh.ts';
import { memoryOf } from './memory-of.ts';

/**
 * 448 MB from a writer that never waits to a reader that first hardly reads: what lies between them is bounded by
 * windows, so no sidecar grows.
 */
const totalBytes = 448 * 1024 * 1024;
/** Of garbage that is collected late on a busy machine some 25 MB were seen; what is not bounded would be hundreds. */
const maxGrowthBytes = 48 * 1024 * 1024;
/** More than this does not lie between the two while the reader stops. */
const maxHeldBytes = 10 * 1024 * 1024;
/** The runtime's full collections of garbage are some 200 MB apart: the warm-up is to have seen two. */
const warmUpBytes = 416 * 1024 * 1024;
/** How long the reader stops, again and again, while it is slow. */
const pauseMs = 150;
const pauses = 8;
const chunk = Buffer.alloc(256 * 1024, 'chunk of a long body ');

let mesh: TestMesh;
const http2Servers: Http2Server[] = [];
const sessions = new Set<ServerHttp2Session>();

beforeAll(async () => {
  const unmeshed = { 'tulle.dev/inject': 'disabled' };
  const opaque = { 'config.tulle.dev/opaque-ports': '9000' };
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'meshed', ports: [8080, 8082, 9000], annotations: opaque },
    { name: 'plain', ports: [8080, 8082, 9000], annotations: { ...unmeshed, ...opaque } },
  ]);
  for (const server of ['meshed', 'plain']) {
    const http1 = createServer((_request, response) =>
      writeAll().pipe(response.setHeader('content-length', totalBytes)),
    );
    await mesh.serve(server, 8080, http1);
    const http2 = createHttp2Server();
    http2Servers.push(http2);
    http2.on('session', (session) => sessions.add(session));
    http2.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      writeAll().pipe(stream);
    });
    await new Promise<void>((resolve, reject) => {
      http2.once('error', reject);
      http2.listen(8082, mesh.ip(server), resolve);
    });
    await mesh.serveTcp(server, 9000, (socket) => writeAll().pipe(socket));
  }
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  await mesh.stop();
  for (const session of sessions) session.destroy();
  for (const server of http2Servers) server.close();
});

/** All of it, as fast as it is taken. */
function writeAll(): Readable {
  let left = totalBytes;
  return new Readable({
    highWaterMark: chunk.length,
    read() {
      const bytes = Math.min(left, chunk.length);
      left -= bytes;
      this.push(bytes === 0 ? null : chunk.subarray(0, bytes));
    },
  });
}

type Open = (host: string, address: string) => Promise<Readable>;

const openHttp1: Open = (host, address) =>
  new Promise((resolve, reject) => {
    const asked = get({ host: address, port: 4140, headers: { host: `${host}.test:8080` }, agent: false }, resolve);
    asked.on('error', reject);
  });

const openHttp2: Open = async (host, address) => {
  const session = connectHttp2(`http://${host}.test:8082`, { createConnection: () => connect(4140, address) });
  const stream = session.request({ ':path': '/' });
  stream.on('close', () => session.close());
  return stream;
};

const openTcp: Open = (host, address) =>
  new Promise((resolve, reject) => {
    const socket = connect(4140, address, () => {
      socket.write(`CONNECT ${host}.test:9000 HTTP/1.1\r\nhost: ${host}.test:9000\r\n\r\n`);
    });
    socket.once('data', (first) => {
      const end = first.indexOf('\r\n\r\n') + 4;
      if (!first.toString('latin1').startsWith('HTTP/1.1 200')) reject(new Error(`refused: ${first.subarray(0, 100)}`));
      socket.pause();
      socket.unshift(first.subarray(end));
      resolve(socket);
    });
    socket.on('error', reject);
  });

it.each([
  ['HTTP/1, plain', openHttp1, 'plain'],
  ['HTTP/1, mTLS chain', openHttp1, 'meshed'],
  ['HTTP/2, plain', openHttp2, 'plain'],
  ['HTTP/2, mTLS chain', openHttp2, 'meshed'],
  ['TCP, plain', openTcp, 'plain'],
  ['TCP, mTLS chain', openTcp, 'meshed'],
] as const)('%s: no sidecar grows', { timeout: 120_000 }, async (_name, open, server) => {
  const pids = ['client', ...(server === 'meshed' ? [server] : [])].map((pod) => mesh.pid(pod, 'tulle-proxy'));
  // At full speed what was read waits for the garbage collector, all of it no more than the first megabytes.
  const fast = watchMemory(pids);
  await read(await open(server, mesh.ip('client')), { bytes: warmUpBytes, pauses: 0 });
  fast.stop();

  const slow = watchMemory(pids);
  const whole = watchMemory(pids);
  const body = await open(server, mesh.ip('client'));
  expect(await read(body, { bytes: totalBytes, pauses }, () => slow.stop())).toBe(totalBytes);
  whole.stop();
  for (const [i] of pids.entries()) {
    expect(slow.peaks[i] - slow.before[i]).toBeLessThan(maxHeldBytes);
    expect(whole.peaks[i] - fast.peaks[i]).toBeLessThan(maxGrowthBytes);
  }
});

/** Reads so many bytes, stopping again and again at first; returns how many came. */
async function read(
  body: Readable,
  { bytes, pauses }: { bytes: number; pauses: number },
  onFast: () => void = () => {},
): Promise<number> {
  let count = 0;
  let stops = 0;
  for await (const part of body) {
    count += part.length;
    if (stops < pauses && count > stops * 100_000) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (++stops === pauses) onFast();
    }
    if (count >= bytes) break;
  }
  return count;
}

/** The resident memory of processes, now and at its highest from now on. */
function watchMemory(pids: readonly number[]) {
  const before = pids.map((pid) => memoryOf(pid).rss);
  const peaks = [...before];
  const sample = (): void => {
    for (const [i, pid] of pids.entries()) peaks[i] = Math.max(peaks[i], memoryOf(pid).rss);
  };
  const timer = setInterval(sample, 25);
  return {
    before,
    peaks,
    stop: () => {
      sample();
      clearInterval(timer);
    },
  };
}
