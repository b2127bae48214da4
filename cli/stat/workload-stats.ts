import { quantile, type Traffic } from './traffic.ts';

/** A workload's row. */
export interface WorkloadStats {
  readonly namespace: string;
  /** `web`; with the kind where several are shown: `deployment/web`. */
  readonly name: string;
  readonly pods: number;
  readonly meshedPods: number;
  readonly traffic: Traffic;
}

export const statColumns = [
  'NAME',
  'MESHED',
  'SUCCESS',
  'RPS',
  'LATENCY_P50',
  'LATENCY_P95',
  'LATENCY_P99',
  'TCP_CONN',
] as const;

/** The figures behind a row; undefined where there was no traffic to tell them by. */
export function figures({ traffic }: WorkloadStats, windowMs: number) {
  const { successes, failures, buckets, openConnections } = traffic;
  const requests = successes + failures;
  const some = requests > 0;
  return {
    success: some ? successes / requests : undefined,
    rps: some ? (requests * 1000) / windowMs : undefined,
    latencyMs: { p50: quantile(buckets, 0.5), p95: quantile(buckets, 0.95), p99: quantile(buckets, 0.99) },
    tcpConnections: some || openConnections > 0 ? openConnections : undefined,
  };
}

/** The cells of a row, in the order of `statColumns`. */
export function statRow(stats: WorkloadStats, windowMs: number): string[] {
  const { success, rps, latencyMs, tcpConnections } = figures(stats, windowMs);
  const cell = (value: number | undefined, format: (value: number) => string): string =>
    value === undefined ? '-' : format(value);
  const milliseconds = (value: number): string => `${Math.ceil(value)}ms`;
  return [
    stats.name,
    `${stats.meshedPods}/${stats.pods}`,
    cell(success, (value) => `${(value * 100).toFixed(2)}%`),
    cell(rps, (value) => `${value.toFixed(1)}rps`),
    cell(latencyMs.p50, milliseconds),
    cell(latencyMs.p95, milliseconds),
    cell(latencyMs.p99, milliseconds),
    cell(tcpConnections, String),
  ];
}
