import { PeakEwma } from './peak-ewma.ts';

/** What answers of an endpoint cost it that are failures, or that turn a request away. */
export interface Penalty {
  /** The round trip that such an answer counts as, in ms. */
  readonly penaltyMs: number;
  /** A longer time that the endpoint asks for (Retry-After) is taken for this, in ms. */
  readonly maxRetryAfterMs: number;
}

/** RESOURCE_EXHAUSTED and the codes that are the server's failure; the others are the client's. */
const penalizedCodes: ReadonlySet<number> = new Set([2, 4, 8, 13, 14, 15]);

/**
 * Peak EWMA for which an answer that is no service is a slow one. Such answers are quick: by their round trip, the more
 * an endpoint turns away or fails, the more requests it would get (Linkerd's linkerd/load-biaser).
 */
export class PenaltyPeakEwma extends PeakEwma {
  private readonly penalty: Penalty;

  constructor(nowMs: number, penalty: Penalty, defaultRttMs?: number, decayMs?: number) {
    super(nowMs, defaultRttMs, decayMs);
    this.penalty = penalty;
  }

  /** Whether an answer is penalized. `grpc` is its gRPC status, -1 for none. */
  penalizes(status: number, grpc: number): boolean {
    return status === 429 || status >= 500 || penalizedCodes.has(grpc);
  }

  /** Such an answer came. `waitMs` is how long the endpoint asks to be left alone, 0 when it does not. */
  penalize(nowMs: number, waitMs: number): void {
    const { penaltyMs, maxRetryAfterMs } = this.penalty;
    this.sample(nowMs, Math.max(penaltyMs, Math.min(maxRetryAfterMs, waitMs)));
  }
}
