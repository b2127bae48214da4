import { BackOff } from '../back-off.ts';

/**
 * What a response says of the endpoint that it is of. `limited`: the endpoint turned the request away to protect itself
 * (429, RESOURCE_EXHAUSTED), which is no failure by itself, but is no good sign either.
 */
export type Outcome = 'success' | 'limited' | 'failure';

/** What an endpoint is ejected for. */
export type TripReason = 'consecutive failures' | 'success rate';

export interface BreakerBackOff {
  /** How long an endpoint is left alone at first; twice as long after each probe that fails. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Up to which part of itself a wait is lengthened at random, within `maxMs`. */
  readonly jitterRatio: number;
  /** A longer wait that the endpoint asks for itself (Retry-After) is kept, within `maxMs`. */
  readonly honorsHints: boolean;
}

/**
 * Decides from what one endpoint answers when it is ejected, for how long, and when it is back. Who has it sees to that:
 *
 *     in use --record says why--> ejected --delayMs later--> on probation: one request
 *        ^                           ^                             |
 *        |                           +---recovers says no----------+
 *        +---------------------------------recovers says yes-------+
 *
 * Answers to requests that were sent before the ejection are not told to it. Behaviour and defaults are those of
 * linkerd2-proxy (linkerd/app/outbound/src/http/breaker). Times are monotonic milliseconds, passed in.
 */
export abstract class Breaker {
  readonly honorsHints: boolean;
  readonly maxDelayMs: number;
  /** What `delayMs` said last: for an ejection that goes on, since nothing came of its probe. */
  lastDelayMs = 0;
  private readonly backOff: BackOff;
  private hintMs = 0;
  private hintedMs = 0;

  /** `random` is in [0, 1). */
  constructor({ minMs, maxMs, jitterRatio, honorsHints }: BreakerBackOff, random: () => number) {
    this.honorsHints = honorsHints;
    this.maxDelayMs = maxMs;
    this.backOff = new BackOff(Math.min(minMs, maxMs), maxMs, jitterRatio, random);
  }

  /** An answer of the endpoint while it is in use: why it is to be ejected, or undefined when it may stay. */
  abstract record(outcome: Outcome, nowMs: number): TripReason | undefined;

  /** The answer to the one request of a probation: whether the endpoint has recovered. Then all counts begin anew. */
  recovers(outcome: Outcome, nowMs: number): boolean {
    if (!this.isRecovered(outcome)) return false;
    this.backOff.reset();
    this.reset(nowMs);
    return true;
  }

  /** The endpoint asks to be left alone for so long: what it asked last holds. Without effect where hints are not honoured. */
  hint(waitMs: number, nowMs: number): void {
    this.hintMs = waitMs;
    this.hintedMs = nowMs;
  }

  /** How long the endpoint is to be left alone, from now. Each call is for a further ejection, and uses the hint up. */
  delayMs(nowMs: number): number {
    const delayMs = Math.min(this.maxDelayMs, this.backOff.delayMs());
    const leftMs = this.honorsHints ? this.hintMs - (nowMs - this.hintedMs) : 0;
    this.hintMs = 0;
    this.lastDelayMs = Math.max(delayMs, Math.min(this.maxDelayMs, leftMs));
    return this.lastDelayMs;
  }

  protected abstract isRecovered(outcome: Outcome): boolean;
  protected abstract reset(nowMs: number): void;
}
