import { type Exemplar, exemplarText } from './exemplar.ts';

/** How often a value fell between each two bounds; the last bucket is +Inf. Allocates nothing once it is made. */
export class Buckets {
  protected readonly bounds: readonly number[];
  protected readonly counts: Float64Array;
  protected sum = 0;
  /** By bucket; undefined where no value of it was of a trace. `Exemplars` puts them here. */
  exemplars: (Exemplar | undefined)[] | undefined = undefined;

  /** `bounds` ascend. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** How many buckets there are, that of +Inf among them. */
  get size(): number {
    return this.counts.length;
  }

  /** Returns the bucket that has counted it. */
  add(value: number): number {
    this.sum += value;
    let i = 0;
    while (i < this.bounds.length && value > this.bounds[i]) i++;
    this.counts[i]++;
    return i;
  }

  /** All of its lines: they belong together. */
  lines(name: string, labels: string, withExemplars = false): string {
    const before = labels === '' ? '' : `${labels},`;
    let lines = '';
    let count = 0;
    for (let i = 0; i < this.counts.length; i++) {
      count += this.counts[i];
      const bound = i < this.bounds.length ? String(this.bounds[i]) : '+Inf';
      const exemplar = withExemplars ? this.exemplars?.[i] : undefined;
      const told = exemplar === undefined ? '' : exemplarText(exemplar);
      lines += `${name}_bucket{${before}le="${bound}"} ${count}${told}\n`;
    }
    const braces = labels === '' ? '' : `{${labels}}`;
    return `${lines}${name}_sum${braces} ${this.shownSum}\n${name}_count${braces} ${count}\n`;
  }

  protected get shownSum(): number {
    return this.sum;
  }
}

/** Upper bounds of `response_latency_ms`, as Linkerd's proxy has them. */
export const latencyBoundsMs: readonly number[] = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000,
  40_000, 50_000,
];

/** Bucket of each whole millisecond up to 50, where nearly all latencies fall: a look-up instead of a search. */
const smallBuckets = Uint8Array.from({ length: 51 }, (_, ms) => latencyBoundsMs.findIndex((bound) => ms <= bound));

export class LatencyHistogram extends Buckets {
  constructor() {
    super(latencyBoundsMs);
  }

  override add(latencyMs: number): number {
    this.sum += latencyMs;
    const whole = Math.ceil(latencyMs);
    let i = 10;
    if (whole <= 50) i = smallBuckets[whole];
    else while (i < latencyBoundsMs.length && latencyMs > latencyBoundsMs[i]) i++;
    this.counts[i]++;
    return i;
  }

  /** Whole milliseconds, as Linkerd counts them. */
  protected override get shownSum(): number {
    return Math.round(this.sum);
  }
}
