import { tulle } from '../tulle.ts';

/** What a command wrote, and how it failed. */
export interface CommandRun {
  readonly out: string;
  readonly err: string;
  readonly error?: Error;
}

/** Runs a command in this process. Rejects with a CommandRun whose `error` says why it failed. */
export async function run(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): Promise<CommandRun> {
  let out = '';
  let err = '';
  const program = tulle({
    input: async () => options.input ?? '',
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    cwd: options.cwd ?? process.cwd(),
    environment: process.env,
    onStop: () => {},
  });
  try {
    await program.parseAsync(['node', 'tulle', ...args]);
  } catch (error) {
    throw { out, err, error };
  }
  return { out, err };
}
