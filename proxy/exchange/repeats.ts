import { closedUnanswered, ErrorCode, resetByPeer } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { failures, type ProxyFailure } from './proxy-failure.ts';

/** What `error` of an attempt is that was followed by another, since the endpoint had not looked at it. */
export const repeated = 'repeated';

/** What it is of one that was given up since another, which was under way beside it, was answered first. */
export const overtaken = 'overtaken';

/** Tries beyond the first that a server's refusals, or connections that were about to close, are worth. */
const maxRepeats = 3;

/** A connection that closes later did not close as the request came: its server had it, and may be at it. */
const closedAsItCameMs = 1000;

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** Whether a second request of such a method does no more than the first (RFC 9110 section 9.2.2). */
export const isIdempotent = (method: string): boolean => idempotent.has(method);

/**
 * A request is sent once more when nothing was answered, all of it can be sent again, and either the server has not
 * looked at it (GOAWAY, REFUSED_STREAM; RFC 9113 section 8.7) or the connection closed as it came and doing it twice
 * does no harm (RFC 9110 section 9.2.2).
 */
export function mayRepeat(exchange: Exchange, attempt: Attempt, code: ErrorCode, reason: string): boolean {
  if (!exchange.canRepeat || exchange.attempts > maxRepeats) return false;
  if (code === ErrorCode.refusedStream) return true;
  if (reason !== closedUnanswered || !isIdempotent(exchange.head.method)) return false;
  if (exchange.side.clock.nowMs() - attempt.sentMs >= closedAsItCameMs) return false;
  // A server that ends resets connections that it has not accepted yet; but what ends a server is given to it, or to
  // another, once more only.
  const mayBeTheCause = !attempt.reused;
  if (mayBeTheCause && exchange.lostNew) return false;
  exchange.lostNew ||= mayBeTheCause;
  return true;
}

/** What a request failed by whose stream was reset. */
export function failureOf(code: ErrorCode, reason: string): ProxyFailure {
  if (code === ErrorCode.refusedStream) return failures.refused;
  if (reason === resetByPeer) return failures.reset;
  return code === ErrorCode.protocolError ? failures.invalidResponse : failures.closed;
}
