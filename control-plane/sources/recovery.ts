import { ApiError } from '../kubernetes/api.ts';
import { isFrozen } from '../kubernetes/connections.ts';
import type { RestartReason } from './source-metrics.ts';
import { SilentWatch } from './watch-stream.ts';

/** An event of a watch that could not be read: what it said is not known. */
export class UnreadableEvent extends Error {}

/** What to do about a list or a watch that failed. */
export interface Recovery {
  readonly reason: RestartReason;
  /** Whether what is known must be listed anew; otherwise the watch goes on from where it was. */
  readonly relist: boolean;
  /** Whether the server may never take this watch, however often it is asked. */
  readonly refusal?: boolean;
  readonly retryAfterMs?: number;
}

/** A watch that is refused more often in a row is given up for a list: its version may be one the server never had. */
const maxRefusals = 4;

/** `refusals` is how many have come in a row before. */
export function recoveryFrom(error: unknown, refusals: number): Recovery {
  if (error instanceof SilentWatch || isFrozen(error)) return { reason: 'silent', relist: false };
  if (error instanceof UnreadableEvent) return { reason: 'decode', relist: true };
  if (!(error instanceof ApiError)) {
    // What breaks a connection in the middle of a stream has a code of the system's.
    const { code } = error as NodeJS.ErrnoException;
    return code === undefined ? { reason: 'other', relist: true } : { reason: 'network', relist: false };
  }
  const { status, reason, retryAfterMs } = error;
  const relist = refusals >= maxRefusals;
  if (status === 0) return { reason: 'network', relist: false };
  if (status === 410 || reason === 'Expired' || reason === 'Gone') return { reason: 'expired', relist: true };
  if (status === 401) return { reason: 'unauthorized', relist: false };
  if (status === 403) return { reason: 'forbidden', relist, refusal: true };
  if (status === 404) return { reason: 'not_found', relist: true };
  if (status === 429) return { reason: 'throttled', relist: false, retryAfterMs };
  // A server that is starting or overloaded will take it later.
  if (status === 503) return { reason: 'server_error', relist: false, retryAfterMs };
  if (status >= 500) return { reason: 'server_error', relist, refusal: true, retryAfterMs };
  return { reason: 'other', relist: true, retryAfterMs };
}
