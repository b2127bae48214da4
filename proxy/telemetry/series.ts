import { formatLabels, type Labels } from './labels.ts';

/** How long what nobody uses is shown, and by which time. */
export interface Retention {
  readonly nowMs: () => number;
  readonly idleMs: number;
}

/** Label sets that are kept of each family: beyond it, one overflow series takes what comes. */
export const maxLabelSets = 10_000;

/** How often a full family looks for what it can drop: it is asked for with each new label set. */
const fullSweepMs = 1000;

/**
 * What is measured under one label set. It stays while somebody holds it, or while it says so itself (`inUse`), and for
 * a while after: clients, endpoints and routes come and go for years, and what they left would be told in each scrape.
 */
export abstract class Series {
  /** As they are written. */
  readonly labels: string;
  /** How many have asked to keep it. */
  holders = 0;
  /** When it was last used, in monotonic milliseconds. */
  usedMs: number;
  /** It is out of its family: what is recorded from now on is shown nowhere. Who keeps one without holding it asks. */
  dropped = false;

  constructor(labels: Labels, nowMs: number) {
    this.labels = formatLabels(labels);
    this.usedMs = nowMs;
  }

  /** The holder will not record any more. */
  release(nowMs: number): void {
    this.holders--;
    this.usedMs = nowMs;
  }

  /** True while there is something that goes on, such as an open connection. */
  get inUse(): boolean {
    return false;
  }
}

/** The series of one family, or of several that have the same labels. */
export class SeriesSet<S extends Series> {
  private readonly retention: Retention;
  private readonly make: (labels: Labels, nowMs: number) => S;
  private readonly series = new Map<string, S>();
  private sweptMs = Number.NEGATIVE_INFINITY;

  constructor(retention: Retention, make: (labels: Labels, nowMs: number) => S) {
    this.retention = retention;
    this.make = make;
  }

  get size(): number {
    return this.series.size;
  }

  values(): IterableIterator<S> {
    return this.series.values();
  }

  /** The series of these labels, for use now. */
  get(labels: Labels): S {
    const key = formatLabels(labels);
    let series = this.series.get(key);
    if (series === undefined) {
      const nowMs = this.retention.nowMs();
      if (this.isFull(nowMs) && labels['overflow'] === undefined) return this.get(overflow(labels));
      series = this.make(labels, nowMs);
      this.series.set(key, series);
    }
    return series;
  }

  /** The series of these labels, to be kept until the caller calls `release` on it. */
  hold(labels: Labels): S {
    const series = this.get(labels);
    series.holders++;
    return series;
  }

  /** Drops what nobody has held or used for the time of retention. */
  dropIdle(): void {
    const nowMs = this.retention.nowMs();
    const oldest = nowMs - this.retention.idleMs;
    this.sweptMs = nowMs;
    for (const [key, series] of this.series) {
      if (series.holders > 0 || series.inUse || series.usedMs >= oldest) continue;
      series.dropped = true;
      this.series.delete(key);
    }
  }

  private isFull(nowMs: number): boolean {
    if (this.series.size < maxLabelSets) return false;
    // Perhaps nobody scrapes.
    if (nowMs - this.sweptMs >= fullSweepMs) this.dropIdle();
    return this.series.size >= maxLabelSets;
  }
}

const overflow = ({ direction }: Labels): Labels =>
  direction === undefined ? { overflow: 'true' } : { direction, overflow: 'true' };
