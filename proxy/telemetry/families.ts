import { Buckets } from './histogram.ts';
import { formatLabels, type Labels } from './labels.ts';
import { type Retention, Series, SeriesSet } from './series.ts';

/** One series of a counter: `value++` on the hot path by who holds it. */
export class Count extends Series {
  value = 0;
}

/** A counter with labels. */
export class CounterFamily {
  readonly name: string;
  readonly help: string;
  private readonly nowMs: () => number;
  private readonly series: SeriesSet<Count>;

  constructor(name: string, help: string, retention: Retention) {
    this.name = name;
    this.help = help;
    this.nowMs = retention.nowMs;
    this.series = new SeriesSet(retention, (labels, nowMs) => new Count(labels, nowMs));
  }

  /** For what happens seldom: the series is looked up. */
  add(labels: Labels, count = 1): void {
    const series = this.series.get(labels);
    series.value += count;
    series.usedMs = this.nowMs();
  }

  /** The series of these labels, to be counted up by the caller until it releases it. */
  count(labels: Labels): Count {
    return this.series.hold(labels);
  }

  *lines(): Iterable<string> {
    this.series.dropIdle();
    if (this.series.size === 0) return;
    yield header(this.name, 'counter', this.help);
    for (const { labels, value } of this.series.values()) yield sample(this.name, labels, value);
  }
}

/** A number, or one for each label set: those that are not named are not there any more. */
export type GaugeReading = number | Iterable<readonly [labels: Labels, value: number]>;

/** What stands somewhere already and is only asked for by a scrape: open streams, waiters, endpoints that are ready. */
export class Gauge {
  readonly name: string;
  readonly help: string;
  private readonly read: () => GaugeReading;

  constructor(name: string, help: string, read: () => GaugeReading) {
    this.name = name;
    this.help = help;
    this.read = read;
  }

  *lines(): Iterable<string> {
    const reading = this.read();
    if (typeof reading === 'number') {
      yield `${header(this.name, 'gauge', this.help)}${sample(this.name, '', reading)}`;
      return;
    }
    let isFirst = true;
    for (const [labels, value] of reading) {
      if (isFirst) yield header(this.name, 'gauge', this.help);
      isFirst = false;
      yield sample(this.name, formatLabels(labels), value);
    }
  }
}

/** One series of a histogram. */
export class Histogram extends Series {
  readonly buckets: Buckets;

  constructor(labels: Labels, nowMs: number, bounds: readonly number[]) {
    super(labels, nowMs);
    this.buckets = new Buckets(bounds);
  }

  observe(value: number): void {
    this.buckets.add(value);
  }
}

/** A histogram with labels. */
export class HistogramFamily {
  readonly name: string;
  readonly help: string;
  private readonly series: SeriesSet<Histogram>;

  /** `bounds` ascend; +Inf is added. */
  constructor(name: string, help: string, bounds: readonly number[], retention: Retention) {
    this.name = name;
    this.help = help;
    this.series = new SeriesSet(retention, (labels, nowMs) => new Histogram(labels, nowMs, bounds));
  }

  /** The series of these labels, to be observed by the caller until it releases it. */
  histogram(labels: Labels): Histogram {
    return this.series.hold(labels);
  }

  *lines(): Iterable<string> {
    this.series.dropIdle();
    if (this.series.size === 0) return;
    yield header(this.name, 'histogram', this.help);
    for (const { labels, buckets } of this.series.values()) yield buckets.lines(this.name, labels);
  }
}

export const header = (name: string, type: 'counter' | 'gauge' | 'histogram', help: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

export const sample = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;
