/** A metric of a scrape, with the labels as they are written there. */
export interface Measurement {
  /** `response_latency_ms`: without what a scrape adds to the names of histograms. */
  readonly name: string;
  readonly labels: string;
  /** `ms`: one value of a histogram of times; `h`: of one that measures something else. */
  readonly kind: 'c' | 'g' | 'ms' | 'h';
  readonly value: number;
  /** How often the value was measured: more than 1 for values of histograms alone. */
  readonly count: number;
}

interface Series {
  readonly name: string;
  readonly labels: string;
  /** Of a bucket; undefined of others. */
  readonly bound: number | undefined;
  value: number;
  seen: number;
}

/** What a gauge says is said again after so many scrapes, for a server that was not there. */
const repeatGauges = 10;
/** Series of a scrape that are not told any more are forgotten at the next of these. */
const sweepEvery = 60;

/**
 * Tells scrapes, in the text format of Prometheus, as differences: what was counted and measured since the one before.
 * Takes them as `MetricsRegistry` writes them: each sample behind its family's TYPE, buckets in ascending order.
 */
export class Measurements {
  private readonly series = new Map<string, Series>();
  private scrape = 0;
  private family = '';
  private type = '';
  /** Of the histogram that is being read: how many more its last bucket has, and whose that was. */
  private bucketOf: string | undefined = undefined;
  private below = 0;

  /** To be called before the pieces of each scrape. */
  begin(): void {
    this.scrape++;
    if (this.scrape % sweepEvery !== 0) return;
    for (const [key, { seen }] of this.series) if (seen < this.scrape - 1) this.series.delete(key);
  }

  /** Series that are kept. */
  get size(): number {
    return this.series.size;
  }

  /** What is new in one piece of whole lines. */
  *of(piece: string): Iterable<Measurement> {
    for (const line of piece.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('#')) {
        const [, keyword, name, type] = line.split(' ', 4);
        if (keyword === 'TYPE') {
          this.family = name;
          this.type = type;
        }
        continue;
      }
      const at = line.lastIndexOf(' ');
      const measured = this.measure(line.slice(0, at), Number(line.slice(at + 1)));
      if (measured !== undefined) yield measured;
    }
  }

  private measure(key: string, value: number): Measurement | undefined {
    const isHistogram = this.type === 'histogram';
    if (isHistogram && !key.startsWith('_bucket', this.family.length)) return undefined;
    let series = this.series.get(key);
    const before = series?.value ?? 0;
    if (series === undefined) {
      series = isHistogram ? bucket(key, this.family) : plain(key);
      this.series.set(key, series);
    }
    series.value = value;
    series.seen = this.scrape;
    const { name, labels, bound } = series;
    if (this.type === 'gauge') {
      const isNews = value !== before || this.scrape % repeatGauges === 1;
      return isNews && Number.isFinite(value) ? { name, labels, kind: 'g', value, count: 1 } : undefined;
    }
    // A worker that was started again counts from 0, and a series that was dropped and came back does.
    const more = value >= before ? value - before : value;
    if (!isHistogram) return more === 0 ? undefined : { name, labels, kind: 'c', value: more, count: 1 };
    return this.measureBucket(series, bound ?? 0, more);
  }

  /** Buckets count what is in the ones below them, too. */
  private measureBucket({ name, labels }: Series, bound: number, more: number): Measurement | undefined {
    const of = `${name}{${labels}`;
    if (this.bucketOf !== of) this.below = 0;
    this.bucketOf = of;
    const count = more - this.below;
    const last = this.lastBound;
    this.below = more;
    this.lastBound = Number.isFinite(bound) ? bound : last;
    if (count <= 0) return undefined;
    const measured = Number.isFinite(bound) ? bound : last;
    if (name.endsWith('_seconds')) return { name, labels, kind: 'ms', value: measured * 1000, count };
    return { name, labels, kind: name.endsWith('_ms') ? 'ms' : 'h', value: measured, count };
  }

  /** The greatest bound so far of the histogram that is being read: what is above all is told as that. */
  private lastBound = 0;
}

function plain(key: string): Series {
  const brace = key.indexOf('{');
  if (brace < 0) return { name: key, labels: '', bound: undefined, value: 0, seen: 0 };
  return { name: key.slice(0, brace), labels: key.slice(brace + 1, -1), bound: undefined, value: 0, seen: 0 };
}

/** `name_bucket{a="1",le="5"}`: the bound is the last label. */
function bucket(key: string, family: string): Series {
  const le = key.lastIndexOf('le="');
  const labels = key.slice(family.length + '_bucket{'.length, Math.max(family.length + '_bucket{'.length, le - 1));
  const bound = key.slice(le + 4, -2);
  return {
    name: family,
    labels,
    bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound),
    value: 0,
    seen: 0,
  };
}
