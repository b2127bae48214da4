/** How fast what is measured follows what is, in ms: a burst that is over sooner sends nothing away. */
const settlesMs = 500;
/** Requests that come sooner than that after one another are one look. */
const lookMs = 10;
/** What was added stays for so long at least. */
const holdMs = 1000;
/** Endpoints are let go when the load of each is below that part of the most that it may be. */
const lowRatio = 0.4;

/**
 * How many endpoints of other zones help out those of the own one, by the load: requests in flight for each endpoint.
 *
 *     load above `maxLoad`        -> as many are added, at once, as bring it down to that
 *     load below 0.4 x `maxLoad`  -> half of those that were added go, a second after the last change at the earliest
 *
 * In between nothing changes, so that a load which is steady never has endpoints come and go.
 */
export class Overflow {
  private readonly maxLoad: number;
  private inFlight = 0;
  private lookedMs = Number.NEGATIVE_INFINITY;
  private changedMs = Number.NEGATIVE_INFINITY;
  private helping = 0;

  /** `maxLoad` is above 0. */
  constructor(maxLoad: number) {
    this.maxLoad = maxLoad;
  }

  /** Whether `look` would see anything new. */
  isDue(nowMs: number): boolean {
    return nowMs - this.lookedMs >= lookMs;
  }

  /**
   * So many of `far` endpoints of other zones are to help `near` ones of the own, with `inFlight` requests at all of
   * them together. Where there is none near, all of them are, and what helped before is not forgotten.
   */
  look(nowMs: number, inFlight: number, near: number, far: number): number {
    const share = 1 - Math.exp(-(nowMs - this.lookedMs) / settlesMs);
    this.lookedMs = nowMs;
    this.inFlight += (inFlight - this.inFlight) * share;
    if (near === 0) return far;
    const wanted = Math.max(0, Math.ceil(this.inFlight / this.maxLoad) - near);
    if (wanted > this.helping) this.change(Math.min(wanted, far), nowMs);
    else if (this.isLow(near) && nowMs - this.changedMs >= holdMs) {
      this.change(Math.max(wanted, Math.floor(this.helping / 2)), nowMs);
    }
    return Math.min(this.helping, far);
  }

  private isLow(near: number): boolean {
    return this.helping > 0 && this.inFlight < lowRatio * this.maxLoad * (near + this.helping);
  }

  private change(helping: number, nowMs: number): void {
    if (helping === this.helping) return;
    this.helping = helping;
    this.changedMs = nowMs;
  }
}
