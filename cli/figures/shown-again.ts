import { setTimeout as sleep } from 'node:timers/promises';
import type { Format } from '../formats.ts';
import type { Terminal } from '../terminal.ts';

/** How often figures are shown. */
export interface Shown {
  /** Go on until the user asks to stop. Default: once. */
  readonly watch?: boolean;
  /** How long each takes to be measured, and at least until the next. */
  readonly windowMs: number;
  readonly output: Format;
}

/** What stands between one and the next: programs read JSON texts one after another, and YAML documents apart. */
const between: Partial<Record<Format, string>> = { json: '', yaml: '---\n' };

/** Prints what `textOf` measures, once or again and again; what is under way when the user asks to stop is broken off. */
export async function shownAgain(
  { watch = false, windowMs, output }: Shown,
  terminal: Terminal,
  signal: AbortSignal,
  textOf: (signal: AbortSignal) => Promise<string>,
): Promise<void> {
  if (!watch) {
    terminal.out(await textOf(signal));
    return;
  }
  const stop = new AbortController();
  terminal.onStop(() => stop.abort());
  const either = AbortSignal.any([signal, stop.signal]);
  try {
    for (let first = true; ; first = false) {
      // Where no sidecar is asked nothing is waited for.
      const [text] = await Promise.all([textOf(either), sleep(windowMs, undefined, { signal: either })]);
      terminal.out(first ? text : `${between[output] ?? '\n'}${text}`);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}
