/** How many of the endpoints of a backend are ready. */
export interface ReadyCount {
  readonly ready: number;
  /** Those that are not ready, too. */
  readonly total: number;
}

/**
 * Which of several backends, in order of preference, is in use: the first of which enough endpoints are ready. When there
 * is none, the one of which the greatest share is, and when no endpoint of any is, the first.
 *
 * It does not go back and forth with every endpoint that comes and goes:
 *
 *     enough are ready --too few are--> the next, at once
 *     too few are ready --enough are, for `returnMs`--> back, as it was preferred
 *
 * and among those that all have too few, it moves at most once in `returnMs` while the one in use has any.
 */
export class Preference {
  private readonly minShare: number;
  private readonly returnMs: number;
  /** Since when enough have been ready, of each that is preferred to the one in use; -1 while they are not. */
  private readonly enoughSinceMs: number[];
  private movedMs = Number.NEGATIVE_INFINITY;
  private inUse = 0;

  /** `count` backends, of each of which a share of `minShare` must be ready: from 0, where one endpoint will do, to 1. */
  constructor(count: number, minShare: number, returnMs: number) {
    this.minShare = minShare;
    this.returnMs = returnMs;
    this.enoughSinceMs = new Array(count).fill(-1);
  }

  /** The one in use, by its place. */
  get current(): number {
    return this.inUse;
  }

  /** The one that is in use from now on. `counts` are those of each, as of `nowMs`. */
  choose(counts: readonly ReadyCount[], nowMs: number): number {
    const next = this.next(counts, nowMs);
    if (next !== this.inUse) {
      this.inUse = next;
      this.movedMs = nowMs;
      this.enoughSinceMs.fill(-1);
    }
    return next;
  }

  private next(counts: readonly ReadyCount[], nowMs: number): number {
    const { inUse, enoughSinceMs, returnMs } = this;
    const hasEnough = this.isEnough(counts[inUse]);
    for (let i = 0; i < counts.length; i++) {
      if (i === inUse) {
        if (hasEnough) return i;
      } else if (!this.isEnough(counts[i])) enoughSinceMs[i] = -1;
      else {
        // One that is preferred is waited for only where the one in use does as well.
        if (!hasEnough) return i;
        if (enoughSinceMs[i] < 0) enoughSinceMs[i] = nowMs;
        if (nowMs - enoughSinceMs[i] >= returnMs) return i;
      }
    }
    const mayMove = counts[inUse].ready === 0 || nowMs - this.movedMs >= returnMs;
    return mayMove ? greatestShare(counts) : inUse;
  }

  private isEnough({ ready, total }: ReadyCount): boolean {
    return ready > 0 && ready + rounding >= this.minShare * total;
  }
}

/** A tenth of thirty is three. */
const rounding = 1e-9;

/** Of equal ones the first. */
function greatestShare(counts: readonly ReadyCount[]): number {
  let best = 0;
  for (let i = 1; i < counts.length; i++) if (share(counts[i]) > share(counts[best])) best = i;
  return best;
}

const share = ({ ready, total }: ReadyCount): number => (ready === 0 ? 0 : ready / Math.max(ready, total));
