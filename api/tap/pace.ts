/** How many requests one proxy is asked to tell of, and in what time. */
export interface Pace {
  readonly limit: number;
  readonly windowMs: number;
}

/** Requests told in a second when nobody says how many. */
export const defaultMaxRps = 100;
const mostRps = 100_000;

/**
 * Shares `maxRps` out among `pods`: so many requests in each second, or one in a time that is longer. 0, which is a number
 * that was not given, is the default.
 */
export function paceOf(maxRps: number, pods: number): Pace {
  const rps = Math.min(mostRps, maxRps > 0 ? maxRps : defaultMaxRps) / Math.max(1, pods);
  const limit = Math.max(1, Math.floor(rps));
  return { limit, windowMs: (limit / rps) * 1000 };
}
