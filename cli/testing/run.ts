import type { Terminal } from '../terminal.ts';
import { runTulle } from '../tulle.ts';

/** What a command wrote, and how it failed. */
export interface CommandRun {
  readonly out: string;
  readonly err: string;
  readonly error?: Error;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** The user asks to stop when what was printed is enough. Default: never. */
  readonly stopAfter?: (out: string) => boolean;
  /** Default: empty, so that no cluster of the machine is found. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Runs a command in this process. Rejects with a CommandRun whose `error` says why it failed. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<CommandRun> {
  let out = '';
  let err = '';
  let stop = (): void => {};
  const terminal: Terminal = {
    input: async () => Buffer.from(options.input ?? ''),
    out: (text) => {
      out += text;
      if (options.stopAfter?.(out)) stop();
    },
    err: (text) => {
      err += text;
    },
    cwd: options.cwd ?? process.cwd(),
    environment: options.environment ?? {},
    onStop: (callback) => {
      stop = callback;
    },
  };
  try {
    await runTulle(['node', 'tulle', ...args], terminal);
  } catch (error) {
    throw { out, err, error };
  }
  return { out, err };
}
