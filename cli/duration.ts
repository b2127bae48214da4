import { durationMs } from '../lib/contract/durations.ts';
import { UsageError } from './terminal.ts';

/** A timer holds 2^31 ms, and one that is told more is over at once. */
const longestWaitDays = 24;

/** `500ms`, `30s`, `1m`, `2h` in milliseconds. Throws a UsageError that names the option. */
export function parseDurationMs(option: string, text: string): number {
  const ms = durationMs.read(text);
  if (ms === undefined || ms === 0) {
    throw new UsageError(`${option} (${text}) must be a duration above 0, such as 500ms, 30s or 1m`);
  }
  return ms;
}

/** The same of a time that a command waits. */
export function parseWaitMs(option: string, text: string): number {
  const ms = parseDurationMs(option, text);
  if (ms <= longestWaitDays * 86_400_000) return ms;
  throw new UsageError(`${option} (${text}) must be a duration up to ${longestWaitDays}d`);
}
