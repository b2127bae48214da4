import type { Sample } from './exposition.ts';

/** What came in to a workload within a window. */
export interface Traffic {
  readonly successes: number;
  readonly failures: number;
  /** Requests by upper bound in milliseconds, cumulative, as a Prometheus histogram has them. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly openConnections: number;
}

export const noTraffic: Traffic = { successes: 0, failures: 0, buckets: new Map(), openConnections: 0 };

/** The traffic between two scrapes of one proxy. A counter that fell was that of a process started anew. */
export function trafficBetween(before: readonly Sample[], after: readonly Sample[]): Traffic {
  const old = new Map(before.map((sample) => [seriesKey(sample), sample.value]));
  const increase = (sample: Sample): number => {
    const last = old.get(seriesKey(sample)) ?? 0;
    return sample.value < last ? sample.value : sample.value - last;
  };
  let successes = 0;
  let failures = 0;
  let openConnections = 0;
  const buckets = new Map<number, number>();
  for (const sample of after) {
    const { name, labels } = sample;
    if (labels.direction !== 'inbound') continue;
    if (name === 'response_total') {
      if (labels.classification === 'success') successes += increase(sample);
      else failures += increase(sample);
    } else if (name === 'response_latency_ms_bucket') {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + increase(sample));
    } else if (name === 'tcp_open_connections' && labels.peer === 'src') openConnections += sample.value;
  }
  return { successes, failures, buckets, openConnections };
}

export function sumTraffic(all: readonly Traffic[]): Traffic {
  return all.reduce((sum, one) => {
    const buckets = new Map(sum.buckets);
    for (const [bound, count] of one.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + count);
    return {
      successes: sum.successes + one.successes,
      failures: sum.failures + one.failures,
      buckets,
      openConnections: sum.openConnections + one.openConnections,
    };
  }, noTraffic);
}

/**
 * The quantile (0 to 1) of a cumulative histogram, within a bucket by linear interpolation like Prometheus's
 * `histogram_quantile`; undefined without observations. What is above the last bound is told as that bound.
 */
export function quantile(buckets: ReadonlyMap<number, number>, q: number): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = q * total;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of sorted) {
    // A bucket without observations of its own holds no quantile.
    if (count >= rank && count > below) {
      if (bound === Number.POSITIVE_INFINITY) return lower;
      return lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    lower = bound;
    below = count;
  }
  return lower;
}

const seriesKey = ({ name, labels }: Sample): string => `${name} ${JSON.stringify(labels)}`;
