/** How many requests may pass. */
export interface Limit {
  /** Requests per second that may pass for as long as one likes. More than 0. */
  readonly perSecond: number;
  /** Requests that may pass at once after a quiet while. At least 1. */
  readonly burst: number;
}

/**
 * What is lost to rounding may add up to this part of a request: without it the last request of a burst would now and then
 * be refused, since sums of fractions come out a little too large.
 */
const rounding = 1e-6;

/**
 * GCRA (ITU-T I.371, and governor, which Linkerd's proxy counts with), in its form as a leaky bucket: each request that
 * passes adds one to a level that sinks by `perSecond`, and passes if the level stays within `burst`. So in no span of
 * time do more than `burst` + `perSecond` × its seconds pass. The other form keeps the time at which the next request is
 * due: where requests are due every few nanoseconds, times in milliseconds have no digits left for that.
 *
 * It knows no limit of its own: with another one what has passed still counts, as far as that lets nobody wait longer
 * than a whole burst takes to be forgotten.
 */
export class Meter {
  private level = 0;
  private atMs = 0;

  /** How long a request would have to wait from now, in ms; 0 if it may pass. */
  waitMs({ perSecond, burst }: Limit, nowMs: number): number {
    const excess = this.levelAt(perSecond, burst, nowMs) + 1 - burst;
    return excess <= rounding ? 0 : (excess / perSecond) * 1000;
  }

  /** A request passes, for which `waitMs` has said 0. */
  take({ perSecond, burst }: Limit, nowMs: number): void {
    this.level = this.levelAt(perSecond, burst, nowMs) + 1;
    this.atMs = nowMs;
  }

  /** Whether it is as if nothing had ever passed. */
  isWhole({ perSecond, burst }: Limit, nowMs: number): boolean {
    return this.levelAt(perSecond, burst, nowMs) === 0;
  }

  private levelAt(perSecond: number, burst: number, nowMs: number): number {
    return Math.max(0, Math.min(this.level, burst) - ((nowMs - this.atMs) / 1000) * perSecond);
  }
}
