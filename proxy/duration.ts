const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** How a duration is written, for messages that refuse another form. */
export const durationForm = 'a duration such as 100ms, 3s, 2m, 1h or 1d';

/**
 * Reads `100ms`, `3s`, `2m`, `1h`, `1d` and `0`, as Linkerd's proxy does (linkerd/app/src/env/types.rs), in
 * milliseconds. Undefined when it is none, or so long that milliseconds cannot be counted exactly.
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^\s*(\d+)(ms|s|m|h|d)?\s*$/.exec(text);
  if (match === null) return undefined;
  const [, count, unit] = match;
  if (unit === undefined) return Number(count) === 0 ? 0 : undefined;
  const ms = Number(count) * unitMs[unit];
  return Number.isSafeInteger(ms) ? ms : undefined;
}
