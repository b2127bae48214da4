/**
 * Load of an endpoint: a peak-sensitive, exponentially weighted moving average of the time to its first byte, times the requests
 * that are waiting for it. A slower response raises the average at once, faster ones lower it with time, so an endpoint
 * that stumbles is left alone quickly and trusted again slowly (Linkerd's linkerd/ewma; Finagle's Peak EWMA).
 *
 * Times are monotonic milliseconds, passed in.
 */
export class PeakEwma {
  private readonly decayMs: number;
  private averageMs: number;
  private updatedMs: number;
  /** Requests under way. */
  inFlight = 0;

  /** `defaultRttMs` stands for the round trip of an endpoint that has not answered yet. */
  constructor(nowMs: number, defaultRttMs = 30, decayMs = 10_000) {
    this.decayMs = decayMs;
    this.averageMs = defaultRttMs;
    this.updatedMs = nowMs;
  }

  begin(): void {
    this.inFlight++;
  }

  /** A request is over. */
  end(): void {
    this.inFlight--;
  }

  /** A response has begun: `rttMs` is the time to its first byte. */
  sample(nowMs: number, rttMs: number): void {
    if (rttMs > this.averageMs) this.averageMs = rttMs;
    else {
      const keep = Math.exp(-Math.max(0, nowMs - this.updatedMs) / this.decayMs);
      this.averageMs = this.averageMs * keep + rttMs * (1 - keep);
    }
    this.updatedMs = nowMs;
  }

  /**
   * A request is over of which no response began: it took `elapsedMs` at least. An endpoint that answers nothing would
   * else keep the round trip that it had, or never had, and get as many requests as one that answers at once.
   */
  unanswered(nowMs: number, elapsedMs: number): void {
    if (elapsedMs > this.averageMs) this.sample(nowMs, elapsedMs);
  }

  /** Higher is busier. An endpoint that nobody asks is forgotten down to nothing, and so tried again. */
  cost(nowMs: number): number {
    const keep = Math.exp(-Math.max(0, nowMs - this.updatedMs) / this.decayMs);
    return this.averageMs * keep * (this.inFlight + 1);
  }
}
