import { describe, expect, it } from 'vitest';
import { Field } from '../wire/field.ts';
import { classify, clientCancelled, grpcStatus } from './classify.ts';
import { LatencyHistogram, latencyBoundsMs } from './histogram.ts';
import { MetricsRegistry } from './registry.ts';

describe('classification', () => {
  it.each([
    [200, -1, undefined, 'success'],
    [404, -1, undefined, 'success'],
    [500, -1, undefined, 'failure'],
    [200, 0, undefined, 'success'],
    [200, 5, undefined, 'success'],
    [200, 13, undefined, 'failure'],
    [200, 7, undefined, 'failure'],
    [200, -1, 'reset by peer', 'failure'],
    [200, -1, clientCancelled, 'success'],
    [503, -1, clientCancelled, 'failure'],
  ] as const)('of status %i, gRPC %i, error %s is %s', (status, grpc, error, expected) => {
    expect(classify(status, grpc, error)).toBe(expected);
  });

  it('reads the gRPC status of trailers and takes no nonsense', () => {
    expect(grpcStatus([new Field('grpc-status', '14')])).toBe(14);
    expect(grpcStatus([new Field('grpc-status', 'x')])).toBe(-1);
    expect(grpcStatus(undefined)).toBe(-1);
  });
});

describe('latency histogram', () => {
  it('puts each latency into the first bucket that holds it', () => {
    for (const latencyMs of [0, 0.2, 1, 1.5, 5, 6, 49.9, 50, 50.1, 100, 999, 1001, 50_000, 60_000]) {
      const histogram = new LatencyHistogram();
      histogram.add(latencyMs);
      const lines = histogram.lines('h', 'a="1"').split(/(?<=\n)/);
      const first = lines.find((line) => line.endsWith(' 1\n'));
      const bound = latencyBoundsMs.find((upper) => latencyMs <= upper);
      expect(first).toBe(`h_bucket{a="1",le="${bound ?? '+Inf'}"} 1\n`);
    }
  });
});

describe('metrics registry', () => {
  it('writes the legacy families with their labels', () => {
    const registry = new MetricsRegistry(() => 0);
    const metrics = registry.requestMetrics({ direction: 'outbound', authority: 'a"b\\c', tls: 'true' });
    metrics.request();
    metrics.response(0, 200, 'success', 0, undefined, 3);
    metrics.response(0, 200, 'success', 0, undefined, 3);
    metrics.response(0, 200, 'failure', 13, undefined, 30);
    metrics.response(0, 504, 'failure', -1, 'failfast', 3000);
    const tcp = registry.transportMetrics({ direction: 'inbound', peer: 'src' });
    const closed = { bytesRead: 10, bytesWritten: 20 };
    tcp.connectionOpened(closed);
    tcp.connectionOpened({ bytesRead: 5, bytesWritten: 0 });
    tcp.connectionClosed(closed, '');
    const text = textOf(registry);
    const base = 'direction="outbound",authority="a\\"b\\\\c",tls="true"';
    for (const line of [
      `request_total{${base}} 1`,
      `response_total{${base},status_code="200",classification="success",grpc_status="0"} 2`,
      `response_total{${base},status_code="200",classification="failure",grpc_status="13"} 1`,
      `response_total{${base},status_code="504",classification="failure",error="failfast"} 1`,
      `response_latency_ms_bucket{${base},status_code="200",le="3"} 2`,
      `response_latency_ms_bucket{${base},status_code="200",le="+Inf"} 3`,
      `response_latency_ms_count{${base},status_code="200"} 3`,
      `response_latency_ms_sum{${base},status_code="200"} 36`,
      'tcp_open_total{direction="inbound",peer="src"} 2',
      'tcp_open_connections{direction="inbound",peer="src"} 1',
      'tcp_read_bytes_total{direction="inbound",peer="src"} 15',
      'tcp_close_total{direction="inbound",peer="src"} 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  const minuteMs = 60_000;

  it('a cancel by the client is not the failure of the server', () => {
    const registry = new MetricsRegistry(() => 0);
    const metrics = registry.requestMetrics({ direction: 'outbound' });
    const over = (status: number, grpc: number, error: string | undefined): void =>
      metrics.response(0, status, classify(status, grpc, error), grpc, error, 3);
    over(0, -1, clientCancelled);
    over(200, -1, clientCancelled);
    over(200, -1, undefined);
    over(503, -1, clientCancelled);
    over(200, 0, clientCancelled);
    over(200, -1, 'reset by peer');
    expect(linesOf(registry, 'response_total')).toEqual([
      'response_total{direction="outbound",status_code="200",classification="success"} 2',
      'response_total{direction="outbound",status_code="503",classification="failure"} 1',
      'response_total{direction="outbound",status_code="200",classification="success",grpc_status="0"} 1',
      'response_total{direction="outbound",status_code="200",classification="failure",error="reset by peer"} 1',
    ]);
  });

  it('a response whose head never came has neither status nor latency', () => {
    const registry = new MetricsRegistry(() => 0);
    const metrics = registry.requestMetrics({ direction: 'outbound' });
    metrics.response(0, 0, 'failure', -1, 'connection closed', 3);
    expect(linesOf(registry, 'response_total')).toEqual([
      'response_total{direction="outbound",classification="failure",error="connection closed"} 1',
    ]);
    expect(linesOf(registry, 'response_latency_ms')).toEqual([]);
  });

  it('a server that answers with every status there is does not fill the scrape', () => {
    const registry = new MetricsRegistry(() => 0);
    const metrics = registry.requestMetrics({ direction: 'outbound' });
    for (let status = 100; status < 1000; status++) {
      for (let grpc = -1; grpc < 17; grpc++) {
        metrics.response(0, status, classify(status, grpc, undefined), grpc, undefined, 1);
      }
    }
    const responses = linesOf(registry, 'response_total');
    expect(responses.length).toBeLessThanOrEqual(202);
    const total = responses.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    expect(total).toBe(900 * 18);
    expect(linesOf(registry, 'response_latency_ms_count').length).toBeLessThanOrEqual(202);
  });

  it('every kind of series ends ten minutes after it was last held or used', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    const counter = registry.counter('denied_total', 'x');
    const histogram = registry.histogram('waited_seconds', 'x', [0.1, 1]);
    const connection = { bytesRead: 1, bytesWritten: 1 };
    for (const peer of ['gone', 'here']) {
      const labels = { direction: 'inbound', client_id: peer };
      const held = [registry.requestMetrics(labels), registry.routeMetrics(labels), histogram.histogram(labels)];
      const count = counter.count(labels);
      count.value++;
      const transport = registry.transportMetrics(labels);
      transport.connectionOpened(peer === 'here' ? connection : { bytesRead: 9, bytesWritten: 9 });
      if (peer === 'here') continue;
      for (const series of [...held, count]) series.release(now);
    }
    counter.add({ error: 'once' });
    now = 9 * minuteMs;
    expect(textOf(registry)).toContain('gone');
    now = 11 * minuteMs;
    // Its connection is still open.
    expect([...new Set(seriesOf(registry, 'gone'))]).toEqual([
      'tcp_open_total',
      'tcp_open_connections',
      'tcp_read_bytes_total',
      'tcp_write_bytes_total',
    ]);
    expect(textOf(registry)).not.toContain('once');
    expect([...new Set(seriesOf(registry, 'here'))]).toEqual([
      'request_total',
      'route_request_total',
      'tcp_open_total',
      'tcp_open_connections',
      'tcp_read_bytes_total',
      'tcp_write_bytes_total',
      'denied_total',
      'waited_seconds_bucket',
      'waited_seconds_sum',
      'waited_seconds_count',
    ]);
  });

  it('what a long connection carried is told for ten minutes after its end, and then forgotten', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    const connection = { bytesRead: 70, bytesWritten: 0 };
    const metrics = registry.transportMetrics({ direction: 'inbound' });
    metrics.connectionOpened(connection);
    now = 600 * minuteMs;
    expect(textOf(registry)).toContain('tcp_read_bytes_total{direction="inbound"} 70\n');
    metrics.connectionClosed(connection, '');
    now += 9 * minuteMs;
    expect(textOf(registry)).toContain('tcp_close_total{direction="inbound"} 1\n');
    now += 2 * minuteMs;
    expect(textOf(registry)).not.toContain('{direction="inbound"}');
    expect(metrics.dropped).toBe(true);
    expect(registry.transportMetrics({ direction: 'inbound' })).not.toBe(metrics);
  });

  it('of ten thousand peers that came and went the last thousand are told, and the others counted', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    const denied = registry.counter('inbound_tcp_authz_deny_total', 'x');
    for (now = 0; now < 10_000; now++) {
      const labels = { direction: 'inbound', client_id: `client-${now}.shop.serviceaccount` };
      const connection = { bytesRead: 1, bytesWritten: 1 };
      const metrics = registry.transportMetrics(labels);
      metrics.connectionOpened(connection);
      metrics.connectionClosed(connection, '');
      denied.add(labels);
    }
    const text = textOf(registry);
    expect(text.match(/^inbound_tcp_authz_deny_total/gm)).toHaveLength(1000);
    expect(text).toContain('tcp_open_total{direction="inbound",client_id="client-9000.shop.serviceaccount"} 1\n');
    expect(text).not.toContain('client-8999.');
    expect(text).toContain('proxy_metrics_series_dropped_total 18000\n');
    now = 11 * minuteMs;
    expect(textOf(registry).length).toBeLessThan(2000);
  });

  it('what is in use is not dropped for what comes and goes', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    const held = registry.requestMetrics({ direction: 'inbound', client_id: 'held' });
    const open = registry.transportMetrics({ direction: 'inbound', client_id: 'open' });
    open.connectionOpened({ bytesRead: 1, bytesWritten: 1 });
    for (now = 0; now < 5000; now++) {
      registry.requestMetrics({ direction: 'inbound', client_id: String(now) }).release(now);
      registry.transportMetrics({ direction: 'inbound', client_id: String(now) });
    }
    expect([held.dropped, open.dropped]).toEqual([false, false]);
    expect(linesOf(registry, 'request_total')).toHaveLength(1001);
  });

  it('more label sets than a family may have at once are counted together, until some are given back', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    const before = ['a', 'b'].map((name) => registry.requestMetrics({ direction: 'inbound', target_addr: name }));
    for (let i = 0; i < 10_048; i++)
      registry.requestMetrics({ direction: 'inbound', target_addr: String(i) }).request();
    expect(textOf(registry)).toContain('request_total{direction="inbound",overflow="true"} 50\n');
    for (const metrics of before) metrics.release(now);
    now = 11 * minuteMs;
    registry.requestMetrics({ direction: 'inbound', target_addr: 'new' }).request();
    expect(textOf(registry)).toContain('request_total{direction="inbound",target_addr="new"} 1\n');
  });

  it('a label value is cut at 300 characters', () => {
    const registry = new MetricsRegistry(() => 0);
    registry.counter('x_total', 'x').add({ authority: 'a'.repeat(7500) });
    expect(linesOf(registry, 'x_total')).toEqual([`x_total{authority="${'a'.repeat(300)}..."} 1`]);
  });

  it('a scrape comes in pieces of whole lines, in which no series comes twice, whatever comes and goes meanwhile', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    const counter = registry.counter('x_total', 'x');
    const fill = (from: number): void => {
      for (let i = from; i < from + 900; i++) counter.add({ peer: `peer-${i}-${'x'.repeat(100)}` });
    };
    fill(0);
    const pieces: string[] = [];
    for (const piece of registry.pieces()) {
      pieces.push(piece);
      now += 11 * minuteMs;
      for (const line of registry.pieces()) expect(line).not.toBe('');
      fill(0);
    }
    expect(pieces.length).toBeGreaterThan(3);
    for (const piece of pieces) {
      expect(piece.length).toBeLessThan(40_000);
      expect(piece.endsWith('\n')).toBe(true);
    }
    const lines = pieces.join('').split('\n');
    expect(new Set(lines).size).toBe(lines.length);
  });

  it('a gauge is asked by each scrape, for one number or one for each label set', () => {
    const registry = new MetricsRegistry(() => 0);
    let open = 0;
    const endpoints = new Map([['web', 3]]);
    registry.gauge('http_streams_open', 'Open streams.', () => open);
    registry.gauge('endpoints', 'Ready endpoints.', () =>
      [...endpoints].map(([service, ready]) => [{ service }, ready] as const),
    );
    open = 5;
    expect(textOf(registry)).toContain(
      '# HELP http_streams_open Open streams.\n# TYPE http_streams_open gauge\nhttp_streams_open 5\n',
    );
    expect(textOf(registry)).toContain('endpoints{service="web"} 3\n');
    endpoints.clear();
    expect(textOf(registry)).not.toContain('endpoints');
  });

  it('a histogram counts into the first bucket that holds a value', () => {
    const registry = new MetricsRegistry(() => 0);
    const histogram = registry.histogram('d_seconds', 'x', [0.05, 0.5]).histogram({ route: 'a' });
    for (const seconds of [0.01, 0.05, 0.3, 7]) histogram.observe(seconds);
    expect(linesOf(registry, 'd_seconds')).toEqual([
      'd_seconds_bucket{route="a",le="0.05"} 2',
      'd_seconds_bucket{route="a",le="0.5"} 3',
      'd_seconds_bucket{route="a",le="+Inf"} 4',
      'd_seconds_sum{route="a"} 7.36',
      'd_seconds_count{route="a"} 4',
    ]);
  });
});

/** A scrape in one piece. */
const textOf = (registry: MetricsRegistry): string => [...registry.pieces()].join('');

const linesOf = (registry: MetricsRegistry, name: string): string[] =>
  textOf(registry)
    .split('\n')
    .filter((line) => line.startsWith(name));

/** Names of the series whose labels hold a text. */
const seriesOf = (registry: MetricsRegistry, text: string): string[] =>
  textOf(registry)
    .split('\n')
    .filter((line) => line.includes(`"${text}"`))
    .map((line) => line.split('{')[0]);
