import { Agent, createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { freePort } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const sampled = `00-${traceId}-00f067aa0ba902b7-01`;

let app: Server;
let proxy: LoneProxy;
let got: IncomingHttpHeaders = {};
const agent = new Agent({ keepAlive: true, maxSockets: 20 });

beforeAll(async () => {
  app = createServer((asked, response) => {
    got = asked.headers;
    response.end();
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((app.address() as AddressInfo).port, {
    // Nobody listens there.
    LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: `127.0.0.1:${await freePort()}`,
    LINKERD2_PROXY_TRACE_SAMPLE_RATE: '1',
  });
}, 30_000);

afterAll(async () => {
  agent.destroy();
  app.closeAllConnections();
  app.close();
  await proxy.stop();
});

function call(headers: Record<string, string | string[]>, path = '/'): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: proxy.inbound, path, headers, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${proxy.admin}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

vector(
  {
    who: 'net',
    attack: 'headers of traces that are broken, doubled, of several kilobytes and of several kinds at once',
    promise: 'the request goes on with them as they came, and nothing of them is in the trace that begins',
  },
  async () => {
    const hostile = ['0', '-', sampled, `${sampled}-${'x'.repeat(4000)}`, `${traceId}-1-1-1`, '%00', 'ÿ'.repeat(100)];
    for (const name of ['traceparent', 'b3', 'x-b3-traceid', 'x-b3-flags', 'grpc-trace-bin', 'tracestate']) {
      for (const value of hostile) {
        const values = [value, ...hostile.slice(0, 3)];
        expect(await call({ [name]: values })).toBe(200);
        expect(got[name]).toBe(values.join(', '));
        const begun = name === 'traceparent' ? got['b3'] : got['traceparent'];
        expect(begun).toMatch(/[0-9a-f]{32}-[0-9a-f]{16}/);
        expect(begun).not.toContain(traceId);
      }
    }
    expect(proxy.errors()).toBe('');
  },
  30_000,
);

vector(
  {
    who: 'net',
    attack: 'thousands of requests that ask to be recorded, with paths of 6 kB, while no collector takes their spans',
    promise: 'what waits stays below 2 MB and 2,048 spans, the rest is dropped and counted, and requests go on',
  },
  async () => {
    const path = `/${'p'.repeat(3000)}?${'q'.repeat(3000)}`;
    const load = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) expect(await call({ traceparent: sampled }, path)).toBe(200);
    };
    await Promise.all(Array.from({ length: 20 }, () => load(150)));
    const before = proxy.memoryMb();
    await Promise.all(Array.from({ length: 20 }, () => load(150)));
    expect(proxy.memoryMb() - before).toBeLessThan(30);
    expect(await metric('trace_spans_queued')).toBeLessThanOrEqual(2048);
    expect(await metric('trace_spans_dropped_total')).toBeGreaterThan(2000);
    expect(proxy.errors()).toBe('');
  },
  90_000,
);
