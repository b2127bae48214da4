import { quantile } from '../../lib/figures/histogram.ts';
import type { WorkloadRow } from '../../lib/figures/query.ts';
import type { Traffic } from '../../lib/figures/traffic.ts';

export const statColumns = [
  'MESHED',
  'SUCCESS',
  'RPS',
  'LATENCY_P50',
  'LATENCY_P95',
  'LATENCY_P99',
  'TCP_CONN',
] as const;

export const wideColumns = ['READ_BYTES/SEC', 'WRITE_BYTES/SEC'] as const;

/** The figures behind a row; undefined where there was no traffic to tell them by. */
export function figures(traffic: Traffic) {
  const { successes, failures, buckets, openConnections } = traffic;
  const requests = successes + failures;
  const some = requests > 0;
  const connected = some || openConnections > 0;
  return {
    success: some ? successes / requests : undefined,
    rps: some ? traffic.rps : undefined,
    latencyMs: { p50: quantile(buckets, 0.5), p95: quantile(buckets, 0.95), p99: quantile(buckets, 0.99) },
    tcpConnections: connected ? openConnections : undefined,
    readBytesPerSecond: connected ? traffic.readBytesPerSecond : undefined,
    writeBytesPerSecond: connected ? traffic.writeBytesPerSecond : undefined,
  };
}

/** The cells of `statColumns`, and of `wideColumns` after them. */
export function statCells({ meshedPods, pods, traffic }: WorkloadRow, wide: boolean): string[] {
  const [responses, bytes] = trafficCells(traffic);
  return [`${meshedPods}/${pods}`, ...responses, ...(wide ? bytes : [])];
}

/** The cells of `statColumns` behind the first, and those of `wideColumns`. */
export function trafficCells(traffic: Traffic): [responses: string[], bytes: string[]] {
  const found = figures(traffic);
  const cell = (value: number | undefined, format: (value: number) => string): string =>
    value === undefined ? '-' : format(value);
  const milliseconds = (value: number): string => `${Math.ceil(value)}ms`;
  const bytes = (value: number): string => `${value.toFixed(1)}B/s`;
  return [
    [
      cell(found.success, (value) => `${(value * 100).toFixed(2)}%`),
      cell(found.rps, (value) => `${value.toFixed(1)}rps`),
      cell(found.latencyMs.p50, milliseconds),
      cell(found.latencyMs.p95, milliseconds),
      cell(found.latencyMs.p99, milliseconds),
      cell(found.tcpConnections, String),
    ],
    [cell(found.readBytesPerSecond, bytes), cell(found.writeBytesPerSecond, bytes)],
  ];
}

/** A part of what was answered; undefined where nothing was. */
export function shareOf(part: number, { successes, failures }: Traffic): number | undefined {
  const all = successes + failures;
  return all === 0 ? undefined : part / all;
}

export function percent(part: number, traffic: Traffic): string {
  const share = shareOf(part, traffic);
  return share === undefined ? '-' : `${(share * 100).toFixed(2)}%`;
}
