import { closedUnanswered, ErrorCode, resetByPeer } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import { fail } from './own-answer.ts';
import type { ProxyFailure } from './proxy-failure.ts';
import { failureOf, mayRepeat, repeated } from './repeats.ts';

// What becomes of an exchange one of whose tries has come to nothing: another try, or its end.

/** The try is over, by `failure`, before anything of it was passed on or in the middle. */
export function onAttemptFailed(attempt: Attempt, failure: ProxyFailure, detail: string | undefined): void {
  const { exchange } = attempt;
  if (exchange.finished || (!exchange.responded && exchange.tries?.onFailure(attempt, failure) === 'again')) return;
  fail(exchange, failure, detail);
}

/** Its stream was reset, by its endpoint or with its connection. */
export function onAttemptReset(attempt: Attempt, code: ErrorCode, reason: string): void {
  const { exchange } = attempt;
  if (mayRepeat(exchange, attempt, code, reason)) {
    attempt.finish(repeated);
    exchange.again(attempt.sender, attempt.endpoint);
    return;
  }
  // Clients of HTTP/2 know what the code means (REFUSED_STREAM: nothing was done with the request, send it again); to
  // those of HTTP/1, and where a connection was lost, the endpoint gave no answer.
  const told = code === ErrorCode.refusedStream || reason === resetByPeer;
  const isPassedOn = told && exchange.origin.version === 'http2';
  if (!exchange.responded && (!isPassedOn || exchange.tries !== undefined)) {
    const failure = failureOf(code, reason);
    attempt.finish(failure.kind);
    if (exchange.tries?.onFailure(attempt, failure) === 'again') return;
    if (!isPassedOn) {
      fail(exchange, failure, reason === closedUnanswered ? undefined : reason);
      return;
    }
  }
  attempt.finish(reason);
  exchange.downstream.reset(code, reason);
  exchange.finish(reason);
}
