import { durationMs } from '../lib/contract/durations.ts';
import { UsageError } from './terminal.ts';

/** `500ms`, `30s`, `1m`, `2h` in milliseconds. Throws a UsageError that names the option. */
export function parseDurationMs(option: string, text: string): number {
  const ms = durationMs.read(text);
  if (ms === undefined || ms === 0) {
    throw new UsageError(`${option} (${text}) must be a duration above 0, such as 500ms, 30s or 1m`);
  }
  return ms;
}
