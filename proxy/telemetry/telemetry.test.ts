import { describe, expect, it } from 'vitest';
import { Field } from '../wire/field.ts';
import { classify, grpcStatus } from './classify.ts';
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
    [200, -1, 'cancelled', 'failure'],
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
      const lines: string[] = [];
      histogram.write('h', 'a="1"', lines);
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
    const text = registry.text();
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

  it('drops label sets that nobody has held for ten minutes, and bounds their number', () => {
    let now = 0;
    const registry = new MetricsRegistry(() => now);
    registry.requestMetrics({ direction: 'inbound', target_addr: 'held' });
    registry.requestMetrics({ direction: 'inbound', target_addr: 'released' }).release(now);
    now = 700_000;
    expect(registry.text()).toContain('target_addr="held"');
    expect(registry.text()).not.toContain('target_addr="released"');
    for (let i = 0; i < 10_050; i++)
      registry.requestMetrics({ direction: 'inbound', target_addr: String(i) }).request();
    expect(registry.text()).toContain('request_total{direction="inbound",overflow="true"} 51\n');
  });
});
