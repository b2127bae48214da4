/** Upper bounds of `response_latency_ms`, as Linkerd's proxy has them. */
export const latencyBoundsMs: readonly number[] = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000,
  40_000, 50_000,
];

/** Bucket of each whole millisecond up to 50, where nearly all latencies fall: a look-up instead of a search. */
const smallBuckets = Uint8Array.from({ length: 51 }, (_, ms) => latencyBoundsMs.findIndex((bound) => ms <= bound));

/** A latency histogram with preallocated buckets; the last is +Inf. */
export class LatencyHistogram {
  private readonly buckets = new Float64Array(latencyBoundsMs.length + 1);
  private sumMs = 0;

  add(latencyMs: number): void {
    this.sumMs += latencyMs;
    const whole = Math.ceil(latencyMs);
    if (whole <= 50) this.buckets[smallBuckets[whole]]++;
    else {
      let i = 10;
      while (i < latencyBoundsMs.length && latencyMs > latencyBoundsMs[i]) i++;
      this.buckets[i]++;
    }
  }

  write(name: string, labels: string, into: string[]): void {
    let count = 0;
    for (let i = 0; i < this.buckets.length; i++) {
      count += this.buckets[i];
      const bound = i < latencyBoundsMs.length ? String(latencyBoundsMs[i]) : '+Inf';
      into.push(`${name}_bucket{${labels},le="${bound}"} ${count}\n`);
    }
    // Whole milliseconds, as Linkerd counts them.
    into.push(`${name}_sum{${labels}} ${Math.round(this.sumMs)}\n`, `${name}_count{${labels}} ${count}\n`);
  }
}
