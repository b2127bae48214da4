import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  badCollector,
  otlpGrpcCollector,
  otlpHttpCollector,
  type TestCollector,
  zipkinCollector,
} from '../traces/collectors.ts';
import { LoneProxy } from './lone-proxy.ts';
import { freePort } from './test-mesh.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const sampled = { traceparent: `00-${traceId}-${parentId}-01` };

let app: Server;
let appPort: number;
/** What the application got of the last request. */
let got: IncomingHttpHeaders = {};

beforeAll(async () => {
  app = createServer((asked, response) => {
    got = asked.headers;
    response.writeHead(Number.parseInt(asked.url?.slice(1) ?? '', 10) || 200).end('hello');
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  appPort = (app.address() as AddressInfo).port;
});

afterAll(() => {
  app.closeAllConnections();
  app.close();
});

interface Told {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
}

function call(port: number, { method = 'GET', path = '/', headers = {} }: Told = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const stopped: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stopped.splice(0)) await stop();
});

async function proxyOf(
  collector: { readonly port: number },
  protocol: string,
  more: Record<string, string> = {},
): Promise<LoneProxy> {
  const proxy = await LoneProxy.start(appPort, {
    LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: `127.0.0.1:${collector.port}`,
    LINKERD2_PROXY_TRACE_PROTOCOL: protocol,
    LINKERD2_PROXY_TRACE_SERVICE_NAME: 'web',
    LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED: 'true',
    // There is nobody to look addresses of this host up with.
    LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS: '10.0.0.0/8',
    ...more,
  });
  stopped.push(() => proxy.stop());
  return proxy;
}

async function started<C extends TestCollector>(collector: Promise<C>): Promise<C> {
  const made = await collector;
  stopped.push(() => made.stop());
  return made;
}

async function metric(proxy: LoneProxy, start: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${proxy.admin}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(start));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const until = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 15_000, interval: 50 });

describe.each([
  ['opentelemetry', otlpGrpcCollector],
  ['otlp-http', otlpHttpCollector],
  ['zipkin', zipkinCollector],
] as const)('traces by %s', (protocol, start) => {
  it('tell what came in, with the span that the application is told of', async () => {
    const collector = await started<TestCollector>(start());
    const proxy = await proxyOf(collector, protocol);
    expect(await call(proxy.inbound, { path: '/503?secret=1', headers: sampled })).toBe(503);
    await until(() => expect(collector.spans.length).toBe(1));
    const [span] = collector.spans;
    expect(span).toMatchObject({ traceId, parentId, kind: 'server', name: 'GET', service: 'web', isError: true });
    expect(span.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': '503',
      'url.path': '/503',
      'error.type': '503',
      'tulle.direction': 'inbound',
      'tulle.authorization': 'default/all-unauthenticated',
    });
    expect(JSON.stringify(collector.spans)).not.toContain('secret');
    expect(got['traceparent']).toBe(`00-${traceId}-${span.spanId}-01`);
    await until(async () => expect(await metric(proxy, 'trace_spans_exported_total')).toBe(1));
  });

  it('tell what goes out, and who had it', async () => {
    const collector = await started<TestCollector>(start());
    const proxy = await proxyOf(collector, protocol);
    const path = `http://127.0.0.1:${appPort}/`;
    expect(await call(proxy.outbound, { path, headers: sampled })).toBe(200);
    await until(() => expect(collector.spans.length).toBe(1));
    const [span] = collector.spans;
    expect(span).toMatchObject({ traceId, parentId, kind: 'client', isError: false });
    expect(span.attributes).toMatchObject({ 'network.peer.port': `${appPort}`, 'tulle.direction': 'outbound' });
    expect(got['traceparent']).toBe(`00-${traceId}-${span.spanId}-01`);
  });
});

describe('traces', () => {
  it('begin by the rate, and not where nobody asks', async () => {
    const collector = await started(zipkinCollector());
    const asked = await proxyOf(collector, 'zipkin', { LINKERD2_PROXY_TRACE_SAMPLE_RATE: '1' });
    await call(asked.inbound);
    const begun = /^00-([0-9a-f]{32})-([0-9a-f]{16})-03$/.exec(String(got['traceparent']));
    await until(() =>
      expect(collector.spans).toMatchObject([{ traceId: begun?.[1], spanId: begun?.[2], parentId: '' }]),
    );
    const others = await proxyOf(collector, 'zipkin');
    await call(others.inbound);
    expect(got['traceparent']).toBeUndefined();
  });

  it('of a request with broken headers begin beside them', async () => {
    const collector = await started(zipkinCollector());
    const proxy = await proxyOf(collector, 'zipkin', { LINKERD2_PROXY_TRACE_SAMPLE_RATE: '1' });
    const traceparent = `00-${traceId}-${parentId}-01`;
    // As Node joins what an application gets several times of one name.
    const ten = Array.from({ length: 10 }, (_, i) => `${i}${traceparent}`);
    expect(await call(proxy.inbound, { headers: { traceparent: ten } })).toBe(200);
    expect(got['traceparent']).toBe(ten.join(', '));
    await until(() => expect(collector.spans).toMatchObject([{ parentId: '' }]));
    const [{ traceId: own, spanId }] = collector.spans;
    expect(got['b3']).toBe(`${own}-${spanId}-1`);
  });

  it('are sent over one connection, and the last ones before the end', async () => {
    const collector = await started(zipkinCollector());
    const proxy = await proxyOf(collector, 'zipkin');
    for (let i = 1; i <= 2; i++) {
      await call(proxy.inbound, { headers: sampled });
      await until(() => expect(collector.spans.length).toBe(i));
    }
    expect(collector.connections).toBe(1);
    await call(proxy.inbound, { headers: sampled });
    await call(proxy.admin, { method: 'POST', path: '/shutdown' });
    expect(await proxy.ended()).toBe(0);
    expect(collector.spans.length).toBe(3);
  });
});

describe('a collector that does not take spans', () => {
  it('and is not there costs them alone, and is used once it is', async () => {
    const port = await freePort();
    const proxy = await proxyOf({ port }, 'zipkin');
    for (let i = 0; i < 20; i++) expect(await call(proxy.inbound, { headers: sampled })).toBe(200);
    await until(async () => expect(await metric(proxy, 'trace_spans_dropped_total{reason="unavailable"}')).toBe(20));
    expect(proxy.log).toContain('spans are not taken: traces have gaps');
    const collector = await started(zipkinCollector(port));
    await call(proxy.inbound, { headers: sampled });
    await until(() => expect(collector.spans.length).toBe(1));
    await until(() => expect(proxy.log).toContain('spans are taken again'));
    expect(proxy.errors()).toBe('');
  });

  it('but refuses them is not asked to take them again', async () => {
    const collector = await started(badCollector(400));
    const proxy = await proxyOf(collector, 'zipkin');
    await call(proxy.inbound, { headers: sampled });
    await until(async () => expect(await metric(proxy, 'trace_spans_dropped_total{reason="refused"}')).toBe(1));
    expect(proxy.log).toContain('cause=HTTP status 400');
  });

  it.each(['zipkin', 'opentelemetry'])(
    'and never answers by %s keeps no request and no end waiting',
    async (protocol) => {
      const collector = await started(badCollector(0));
      const proxy = await proxyOf(collector, protocol);
      await call(proxy.inbound, { headers: sampled });
      await until(() => expect(collector.connections).toBe(1));
      expect(await call(proxy.inbound, { headers: sampled })).toBe(200);
      const fromMs = performance.now();
      await call(proxy.admin, { method: 'POST', path: '/shutdown' });
      expect(await proxy.ended()).toBe(0);
      expect(performance.now() - fromMs).toBeLessThan(10_000);
    },
  );
});
