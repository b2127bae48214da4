import { CommandError } from './terminal.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `1m`, `2h` in milliseconds. Throws a CommandError that names the option. */
export function parseDurationMs(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null || Number(match[1]) === 0) {
    throw new CommandError(`${option} (${text}) must be a duration above 0, such as 500ms, 30s or 1m`);
  }
  return Number(match[1]) * unitMs[match[2]];
}
