import type { BackOff } from './back-off.ts';

/** How a kind is read. Times in milliseconds. */
export interface ReadTimes {
  /**
   * A watch that says nothing for this long is dropped. Default 150 s: the API server sends a bookmark each minute. That
   * the server itself is gone is noticed sooner, where it speaks HTTP/2: its connection is pinged.
   */
  readonly silenceMs: number;
  /** How long a watch is asked for, at least; at most twice that. Default 5 min. */
  readonly watchMs: number;
  /** Between tries that fail. Default 250 ms, doubled up to 30 s. */
  readonly backOff: BackOff;
  /** Between looks for a kind whose definition is not there. Default 15 s. */
  readonly absentRetryMs: number;
  /** Between tries of what is forbidden. Default 30 s. */
  readonly forbiddenRetryMs: number;
  /** Between looks at a Namespace that is read by its name. Default 30 s. */
  readonly namespaceMs: number;
}

export const defaultReadTimes: ReadTimes = {
  silenceMs: 150_000,
  watchMs: 300_000,
  backOff: { firstMs: 250, maxMs: 30_000 },
  absentRetryMs: 15_000,
  forbiddenRetryMs: 30_000,
  namespaceMs: 30_000,
};
