import { Deadline } from '../timer-wheel.ts';
import { ErrorCode } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import { onAttemptFailed } from './failed-attempt.ts';
import type { ProxyFailure } from './proxy-failure.ts';

/** Ends a try that takes too long. */
class AttemptTimeout extends Deadline {
  private readonly attempt: Attempt;
  private readonly failure: ProxyFailure;

  constructor(attempt: Attempt, failure: ProxyFailure) {
    super();
    this.attempt = attempt;
    this.failure = failure;
  }

  override onDeadline(): void {
    const { attempt, failure } = this;
    if (attempt.over) return;
    attempt.abandon(ErrorCode.cancel, failure.message, failure.kind);
    onAttemptFailed(attempt, failure, undefined);
  }
}

/** Fails a try by `failure` unless a head comes in `delayMs`: see `answeredInTime`. */
export function answerWithin(attempt: Attempt, delayMs: number, failure: ProxyFailure): void {
  attempt.headTimeout = new AttemptTimeout(attempt, failure);
  attempt.exchange.side.deadlines.arm(attempt.headTimeout, delayMs);
}

/** It need not be answered any sooner. */
export function answeredInTime(attempt: Attempt): void {
  if (attempt.headTimeout !== undefined) attempt.exchange.side.deadlines.disarm(attempt.headTimeout);
}

/** Fails a try by `failure` unless it is over in `delayMs`. */
export function endWithin(attempt: Attempt, delayMs: number, failure: ProxyFailure): void {
  attempt.timeout = new AttemptTimeout(attempt, failure);
  attempt.exchange.side.deadlines.arm(attempt.timeout, delayMs);
}

/** It need not be over any sooner: see `endWithin`. */
export function mayTakeLonger(attempt: Attempt): void {
  if (attempt.timeout !== undefined) attempt.exchange.side.deadlines.disarm(attempt.timeout);
  attempt.timeout = undefined;
}

/** It is over: nothing of it is late any more. */
export function endDeadlines(attempt: Attempt): void {
  answeredInTime(attempt);
  if (attempt.timeout !== undefined) attempt.exchange.side.deadlines.disarm(attempt.timeout);
}
