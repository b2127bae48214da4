import type { Clock } from '../clock.ts';

/** A clock that was set, not one that is a little fast. */
const stepMs = 2;
/** What was looked at is known for so long. */
const knownMs = 0.1;

/**
 * Times of the monotonic clock as those of the wall, with their fractions: who reads the wall's clock gets whole
 * milliseconds, below which a request has come and gone, and its spans would stand in no order.
 */
export class WallTime {
  private readonly clock: Clock;
  private offsetMs: number;
  private lookedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
    this.offsetMs = clock.wallMs() - clock.nowMs();
  }

  /** Looks at both clocks, of which the monotonic one shows `nowMs`: the wall's is behind by what was cut off, so that the largest difference is the right one. */
  look(nowMs: number): void {
    if (nowMs - this.lookedMs < knownMs) return;
    this.lookedMs = nowMs;
    const offsetMs = this.clock.wallMs() - nowMs;
    if (offsetMs > this.offsetMs || offsetMs < this.offsetMs - stepMs) this.offsetMs = offsetMs;
  }

  /** Of the monotonic clock. */
  nowMs(): number {
    return this.clock.nowMs();
  }

  at(nowMs: number): number {
    return nowMs + this.offsetMs;
  }
}
