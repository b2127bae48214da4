/** Resets beyond the streams that were carried to their end. Envoy ends a connection of which it sees most reset. */
const mostBeyondCompleted = 300;

/** RST_STREAM frames of any kind that a peer is sent on one connection. */
export interface ResetLimits {
  /** So many at once. */
  readonly atOnce: number;
  /** So many more with each second. */
  readonly perSecond: number;
  /** Once there were `few`, so many together with the streams that are open: each of these may be reset too. */
  readonly few: number;
  readonly withOpen: number;
}

/** For proxies of the mesh. nghttp2, and with it Node, allows 1,000 at once and 33 in each second. */
export const meshedPeer: ResetLimits = { atOnce: 800, perSecond: 30, few: 0, withOpen: Number.POSITIVE_INFINITY };

/**
 * For servers that may be any: Netty, the strictest that is known, ends a connection at more than 200 in 30 s. Of these
 * seconds one that was told the time late may have paid back 30.
 */
export const unknownPeer: ResetLimits = { atOnce: 100, perSecond: 1, few: 20, withOpen: 170 };

/**
 * Counts what a client resets. Servers end a connection on which too many streams are reset (CVE-2023-44487), and with it
 * the requests of others: before that it should take no new ones, and the next go on another.
 */
export class CancelBudget {
  private readonly limits: ResetLimits;
  private beyondCompleted = 0;
  private recent = 0;

  constructor(limits: ResetLimits) {
    this.limits = limits;
  }

  /**
   * A stream was reset, `answered` when its whole response had come, while `open` others are under way. Returns false
   * when there should be no more.
   */
  reset(answered: boolean, open: number): boolean {
    if (!answered) this.beyondCompleted++;
    this.recent++;
    const { atOnce, few, withOpen } = this.limits;
    if (this.beyondCompleted > mostBeyondCompleted || this.recent > atOnce) return false;
    return this.recent <= few || this.recent + open <= withOpen;
  }

  /** A stream was carried to its end. */
  completed(): void {
    if (this.beyondCompleted > 0) this.beyondCompleted--;
  }

  passed(seconds: number): void {
    this.recent = Math.max(0, this.recent - seconds * this.limits.perSecond);
  }
}
