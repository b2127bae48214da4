import type { Sample } from './exposition.ts';

/** What came in to a workload within a window, or went out of it. */
export interface Traffic {
  readonly successes: number;
  readonly failures: number;
  /** Responses in a second. */
  readonly rps: number;
  /** Requests by upper bound in milliseconds, cumulative, as a Prometheus histogram has them. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly openConnections: number;
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
}

export const noTraffic: Traffic = {
  successes: 0,
  failures: 0,
  rps: 0,
  buckets: new Map(),
  openConnections: 0,
  readBytesPerSecond: 0,
  writeBytesPerSecond: 0,
};

/** Which series are counted: those whose labels have all these values. */
export type SeriesFilter = Readonly<Record<string, string>>;

export const inbound: SeriesFilter = { direction: 'inbound' };

/** Sums up what `increases` gave for a window. */
export function trafficOf(samples: readonly Sample[], windowMs: number, filter: SeriesFilter = inbound): Traffic {
  const wanted = Object.entries(filter);
  // The side that the workload is not: connections are counted on both.
  const peer = filter['direction'] === 'outbound' ? 'dst' : 'src';
  let [successes, failures, openConnections, readBytes, writeBytes] = [0, 0, 0, 0, 0];
  const buckets = new Map<number, number>();
  for (const { name, labels, value } of samples) {
    if (!wanted.every(([label, wantedValue]) => labels[label] === wantedValue)) continue;
    if (name === 'response_total') {
      if (labels.classification === 'success') successes += value;
      else failures += value;
    } else if (name === 'response_latency_ms_bucket') {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + value);
    } else if (labels.peer === peer) {
      if (name === 'tcp_open_connections') openConnections += value;
      else if (name === 'tcp_read_bytes_total') readBytes += value;
      else if (name === 'tcp_write_bytes_total') writeBytes += value;
    }
  }
  const perSecond = (count: number): number => (count * 1000) / windowMs;
  return {
    successes,
    failures,
    rps: perSecond(successes + failures),
    buckets,
    openConnections,
    readBytesPerSecond: perSecond(readBytes),
    writeBytesPerSecond: perSecond(writeBytes),
  };
}

export function sumTraffic(all: readonly Traffic[]): Traffic {
  return all.reduce((sum, one) => {
    const buckets = new Map(sum.buckets);
    for (const [bound, count] of one.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + count);
    return {
      successes: sum.successes + one.successes,
      failures: sum.failures + one.failures,
      rps: sum.rps + one.rps,
      buckets,
      openConnections: sum.openConnections + one.openConnections,
      readBytesPerSecond: sum.readBytesPerSecond + one.readBytesPerSecond,
      writeBytesPerSecond: sum.writeBytesPerSecond + one.writeBytesPerSecond,
    };
  }, noTraffic);
}
