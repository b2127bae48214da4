import { clientCancelled } from '../telemetry/classify.ts';
import type { StreamError } from '../telemetry/status-counts.ts';
import { resetByPeer } from '../wire/stream.ts';
import { failures, type ProxyFailure } from './proxy-failure.ts';
import { overtaken, repeated } from './repeats.ts';

/** What the proxy answers because policy says so, by `error`: answers as others are, and nothing that went wrong. */
export const answersOfPolicy: ReadonlyMap<string, ProxyFailure> = new Map(
  [failures.backend, failures.forbidden, failures.injected, failures.unsupportedFilter, failures.noRoute].map(
    (failure) => [failure.kind, failure],
  ),
);

/**
 * The word of the routes' metrics for what ended a stream, by the `error` of an exchange or try. What is not known here is
 * UNKNOWN: reasons are words of peers, too.
 */
const words: ReadonlyMap<string, StreamError> = new Map<string, StreamError>([
  [failures.failfast.kind, 'FAIL_FAST'],
  [failures.loadShed.kind, 'LOAD_SHED'],
  [failures.requestTimeout.kind, 'REQUEST_TIMEOUT'],
  [failures.tryTimeout.kind, 'RESPONSE_HEADERS_TIMEOUT'],
  [failures.responseTimeout.kind, 'RESPONSE_STREAM_TIMEOUT'],
  [failures.idleTimeout.kind, 'IDLE_TIMEOUT'],
  [clientCancelled, 'CANCEL'],
  [failures.refused.kind, 'REFUSED'],
  [repeated, 'REFUSED'],
  [overtaken, 'CANCEL'],
  [failures.reset.kind, 'RESET'],
  [resetByPeer, 'RESET'],
  [failures.closed.kind, 'IO'],
  [failures.connect.kind, 'IO'],
  [failures.connectTimeout.kind, 'IO'],
]);

export const streamErrorOf = (error: string | undefined): StreamError =>
  error === undefined || answersOfPolicy.has(error) ? '' : (words.get(error) ?? 'UNKNOWN');
