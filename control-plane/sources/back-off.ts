export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after the `failures`th failure in a row: doubled each time up to `maxMs`, and between half of it and
 * the whole, so that many clients of one server come back spread out. Never sooner than the server asked.
 */
export function backOffMs(
  { firstMs, maxMs }: BackOff,
  failures: number,
  random: () => number,
  retryAfterMs: number | undefined = undefined,
): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  const jitteredMs = fullMs * (0.5 + 0.5 * random());
  // What the server asks is spread, too: it asked everybody for the same.
  return retryAfterMs === undefined ? jitteredMs : Math.max(jitteredMs, retryAfterMs * (1 + 0.2 * random()));
}
