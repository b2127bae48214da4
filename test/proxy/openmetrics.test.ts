import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openMetricsReader, type Read, readScrape } from '../openmetrics/reader.ts';
import { LoneProxy } from './lone-proxy.ts';
import { freePort } from './test-mesh.ts';

/** As Prometheus 3 asks. */
const accept =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
  'application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,' +
  'text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const traceId = (of: number): string => `4bf92f3577b34da6a3ce929d0e0e${(0x1000 + of).toString(16)}`;

let app: Server;
let appPort: number;
let program: Awaited<ReturnType<typeof openMetricsReader>>;

beforeAll(async () => {
  program = await openMetricsReader();
  app = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  appPort = (app.address() as AddressInfo).port;
}, 300_000);

afterAll(() => {
  app.closeAllConnections();
  app.close();
});

const stopped: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stopped.splice(0)) await stop();
});

/** A sidecar whose collector is away: what its histograms tell does not depend on it. */
async function proxyOf(environment: Record<string, string>): Promise<LoneProxy> {
  const proxy = await LoneProxy.start(appPort, {
    LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS: '10.0.0.0/8',
    LINKERD2_PROXY_CORES: '1',
    ...environment,
  });
  stopped.push(() => proxy.stop());
  return proxy;
}

const traced = async (): Promise<Record<string, string>> => ({
  LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: `127.0.0.1:${await freePort()}`,
  LINKERD2_PROXY_TRACE_PROTOCOL: 'zipkin',
});

function call(port: number, path: string, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** A request in each direction, as part of a trace, over connections of their own. */
async function callTraced(proxy: LoneProxy, of: number): Promise<void> {
  const headers = { traceparent: `00-${traceId(of)}-00f067aa0ba902b7-01` };
  await call(proxy.inbound, '/', headers);
  await call(proxy.outbound, `http://127.0.0.1:${appPort}/`, headers);
}

interface Scraped {
  readonly contentType: string;
  readonly text: string;
}

async function scrape(proxy: LoneProxy, headers: Record<string, string> = {}): Promise<Scraped> {
  const response = await fetch(`http://127.0.0.1:${proxy.admin}/metrics`, { headers });
  return { contentType: response.headers.get('content-type') ?? '', text: await response.text() };
}

/** As Prometheus reads it, by the content type that it is told. */
const readBy = ({ contentType, text }: Scraped): Promise<Read[]> =>
  readScrape((program as { path: string }).path, contentType, text);

const nameOf = ({ labels }: Read): string => labels?.['__name__'] ?? '';

describe('a scrape by Prometheus', () => {
  it('is told in OpenMetrics, with the traces of what was measured', async (context) => {
    if ('missing' in program) return context.skip(program.missing);
    const proxy = await proxyOf(await traced());
    const beforeMs = Date.now();
    for (const of of [1, 2, 3]) await callTraced(proxy, of);
    const scraped = await scrape(proxy, { accept });
    expect(scraped.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const read = await readBy(scraped);
    expect(read).toContainEqual({ family: 'request', type: 'counter', value: 0 });
    expect(read).toContainEqual({ family: 'tcp_read_bytes', unit: 'bytes', value: 0 });
    expect(read.find((each) => nameOf(each) === 'request_total')).toBeDefined();
    const exemplars = read.flatMap((each) =>
      each.exemplar === undefined ? [] : [{ ...each.exemplar, of: nameOf(each), le: Number(each.labels?.['le']) }],
    );
    const names = new Set(exemplars.map((each) => each.of));
    expect([...names].toSorted()).toEqual([
      'inbound_http_request_duration_seconds_bucket',
      'inbound_http_response_duration_seconds_bucket',
      'response_latency_ms_bucket',
    ]);
    for (const { labels, value, ms, le } of exemplars) {
      expect([1, 2, 3].map(traceId)).toContain(labels['trace_id']);
      expect(value).toBeLessThanOrEqual(le);
      expect(ms).toBeGreaterThan(beforeMs - 1000);
      expect(ms).toBeLessThanOrEqual(Date.now() + 1000);
    }
    const [latest] = exemplars.filter((each) => each.of.startsWith('inbound')).toSorted((a, b) => b.ms - a.ms);
    expect(latest.labels['trace_id']).toBe(traceId(3));
  });

  it('in plain text has all of it but the traces, as it always was', async (context) => {
    if ('missing' in program) return context.skip(program.missing);
    const proxy = await proxyOf(await traced());
    await callTraced(proxy, 1);
    const plain = await scrape(proxy);
    expect(plain.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(plain.text).not.toMatch(/ # \{|# EOF|# UNIT/);
    const series = (read: Read[]): string[] =>
      read
        .filter(({ labels }) => labels !== undefined)
        .map(({ labels = {} }) => JSON.stringify({ ...labels, le: labels['le'] && Number(labels['le']) }));
    expect(series(await readBy(await scrape(proxy, { accept })))).toEqual(series(await readBy(plain)));
    const other = await scrape(proxy, { accept: 'text/plain;version=0.0.4,*/*;q=0.1' });
    expect(other.contentType).toBe(plain.contentType);
  });

  it('of a sidecar that traces nothing has no traces in it', async (context) => {
    if ('missing' in program) return context.skip(program.missing);
    const proxy = await proxyOf({});
    await callTraced(proxy, 1);
    const read = await readBy(await scrape(proxy, { accept }));
    expect(read.find((each) => nameOf(each) === 'response_latency_ms_bucket')).toBeDefined();
    expect(read.filter(({ exemplar }) => exemplar !== undefined)).toEqual([]);
  });

  it.skipIf(availableParallelism() < 2)('of several processes has the latest trace of all', async (context) => {
    if ('missing' in program) return context.skip(program.missing);
    const proxy = await proxyOf({ ...(await traced()), LINKERD2_PROXY_CORES: '2' });
    const calls = 24;
    for (let of = 0; of < calls; of++) await callTraced(proxy, of);
    const read = await readBy(await scrape(proxy, { accept }));
    const counted = read.filter((each) => nameOf(each) === 'request_total' && each.labels?.['direction'] === 'inbound');
    expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(calls);
    const latest = read
      .flatMap((each) => (nameOf(each) === 'inbound_http_request_duration_seconds_bucket' ? (each.exemplar ?? []) : []))
      .toSorted((a, b) => b.ms - a.ms)[0];
    expect(latest.labels['trace_id']).toBe(traceId(calls - 1));
  });
});
