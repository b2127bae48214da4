import type { Attempt } from './attempt.ts';
import { mayTakeLonger } from './attempt-deadlines.ts';
import type { ProxyFailure } from './proxy-failure.ts';

// What backends put on a try that they send on, and how it is taken off again.

/** Where a request or a try of it waits for something: it can be called off there, and once more without effect. */
export interface WaitingPlace {
  cancel(): void;
}

/** Tries with the same `hash` go to the same endpoint. */
export interface AttemptKey {
  /** 32 bits. */
  readonly hash: number;
  /** When it was given. */
  readonly sinceMs: number;
  /** Makes it another, where its client is given it now and will come back by it; undefined where it came with it. */
  renew?(): void;
}

/** Where else a try may go that was sent where there may be no endpoint for it. */
export interface Alternatives {
  /** Sends it, of which nothing was sent since `failure`, another way; false when there is none. */
  sendElsewhere(attempt: Attempt, failure: ProxyFailure): boolean;
}

/** Who has copies made of what a backend is sent. */
export interface Copier {
  /** A connection has taken the request of `attempt`, and nothing of its body yet. */
  copy(attempt: Attempt): void;
}

/** What the backend that a try is no longer for, since `error`, has made of it is undone: it is counted there as over. */
export function startOver(attempt: Attempt, error: string): void {
  const { exchange, counts } = attempt;
  const nowMs = exchange.side.clock.nowMs();
  // What it has waited for is held against nobody whom it is sent to now.
  exchange.isLate = true;
  if (counts !== undefined) {
    attempt.error = error;
    attempt.overMs = nowMs;
    counts.over(attempt);
    attempt.error = undefined;
    attempt.overMs = -1;
    attempt.counts = undefined;
  }
  attempt.copiers = undefined;
  attempt.filters = undefined;
  attempt.key = undefined;
  attempt.isProbe = false;
  attempt.filteredHead = undefined;
  attempt.ownHead = undefined;
  attempt.extra = undefined;
  attempt.avoid = undefined;
  attempt.misses = 0;
  mayTakeLonger(attempt);
}
