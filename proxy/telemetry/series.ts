import { formatLabels, type Labels } from './labels.ts';

/** How long what nobody uses is shown, and by which time. */
export interface Retention {
  readonly nowMs: () => number;
  readonly idleMs: number;
  /** A series was dropped before its time, since there were too many. */
  readonly onDropped: () => void;
}

/** Label sets of each family that somebody uses: beyond it, one overflow series takes what comes. */
export const maxLabelSets = 10_000;
/** Those that nobody uses: beyond it, the ones that were used longest ago make room. */
export const maxIdleSets = 1000;
/** So many new ones may come before it is looked what is too much: a look costs as much as there are. */
const newBetweenLooks = 500;

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
  private newSinceLook = 0;

  constructor(retention: Retention, make: (labels: Labels, nowMs: number) => S) {
    this.retention = retention;
    this.make = make;
  }

  get size(): number {
    return this.series.size;
  }

  /** As of now, also for who goes through them over several turns: none comes twice. */
  values(): S[] {
    return [...this.series.values()];
  }

  /** The series of these labels, for use now. */
  get(labels: Labels): S {
    const key = formatLabels(labels);
    let series = this.series.get(key);
    if (series === undefined) {
      const nowMs = this.retention.nowMs();
      if (this.isFull(nowMs) && labels['overflow'] === undefined) return this.get(overflow(labels));
      if (++this.newSinceLook > newBetweenLooks) this.dropIdle();
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

  /** Drops what nobody has held or used for the time of retention, and of the rest what is too much. */
  dropIdle(): void {
    const nowMs = this.retention.nowMs();
    const oldest = nowMs - this.retention.idleMs;
    this.sweptMs = nowMs;
    this.newSinceLook = 0;
    const idle: [key: string, series: S][] = [];
    for (const entry of this.series) {
      const [key, series] = entry;
      if (series.holders > 0 || series.inUse) continue;
      if (series.usedMs < oldest) this.drop(key, series);
      else idle.push(entry);
    }
    if (idle.length <= maxIdleSets) return;
    idle.sort(([, a], [, b]) => a.usedMs - b.usedMs);
    for (const [key, series] of idle.slice(0, idle.length - maxIdleSets)) {
      this.drop(key, series);
      this.retention.onDropped();
    }
  }

  private drop(key: string, series: S): void {
    series.dropped = true;
    this.series.delete(key);
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
