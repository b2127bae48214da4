/** What the counters of one sidecar stood at, by the key of their series: 16 bytes each. */
export class Counters {
  static readonly none = new Counters(new Map());
  private readonly keys: Float64Array;
  private readonly values: Float64Array;

  constructor(series: ReadonlyMap<number, number>) {
    this.keys = Float64Array.from(series.keys()).sort();
    this.values = this.keys.map((key) => series.get(key) as number);
  }

  /** How far a counter has come since. One that is new began at zero, and so did one that fell: its process is another. */
  increase(key: number, now: number): number {
    const before = this.at(key);
    return before === undefined || now < before ? now : now - before;
  }

  private at(key: number): number | undefined {
    let [low, high] = [0, this.keys.length - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.keys[middle];
      if (found === key) return this.values[middle];
      if (found < key) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}

/** Gauges tell what they are now. */
export const isCounter = (metric: string): boolean => /_(total|bucket|count|sum)$/.test(metric);
