/**
 * Exponential back-off with jitter: each delay doubles the one before, up to a limit, and is then lengthened at random
 * by up to `jitter` of itself, so that clients that lost the same server do not come back together.
 */
export class BackOff {
  private readonly minMs: number;
  private readonly maxMs: number;
  private readonly jitter: number;
  private readonly random: () => number;
  private nextMs: number;

  constructor(minMs: number, maxMs: number, jitter: number, random: () => number) {
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.jitter = jitter;
    this.random = random;
    this.nextMs = minMs;
  }

  delayMs(): number {
    const delay = this.nextMs;
    this.nextMs = Math.min(this.maxMs, delay * 2);
    return delay * (1 + this.jitter * this.random());
  }

  reset(): void {
    this.nextMs = this.minMs;
  }
}
