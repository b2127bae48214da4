/** `tulle`, the command line. */
import { enableCompileCache } from 'node:module';
import { escapedLines } from './escaped.ts';
import { CommandError, type Screen, type Terminal } from './terminal.ts';

const screen: Screen = {
  size: () => ({ rows: process.stdout.rows, columns: process.stdout.columns }),
  onKey: (callback) => {
    const { stdin } = process;
    const take = (keys: Buffer): void => {
      for (const key of keys.toString('latin1')) callback(key);
    };
    stdin.setRawMode(true).on('data', take).resume();
    return () => {
      stdin.off('data', take).setRawMode(false).pause();
    };
  },
};

const terminal: Terminal = {
  // Streams are loaded, and standard input is opened, only where somebody reads: that is half of a short command's time.
  input: async () => (await import('node:stream/consumers')).buffer(process.stdin),
  out: (line) => process.stdout.write(line),
  // Some of it is what others said.
  err: (line) => process.stderr.write(escapedLines(line)),
  cwd: process.cwd(),
  environment: process.env,
  get interactive() {
    return process.stdin.isTTY;
  },
  get screen() {
    return process.stdin.isTTY && process.stdout.isTTY ? screen : undefined;
  },
  onStop: (callback) => {
    // Not the callback itself, which would be told the signal.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => callback());
  },
};

// `tulle install | head` closes the pipe early: that is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  terminal.err(`error: standard output cannot be written: ${error.message}\n`);
  process.exit(1);
});
// Who does not hear what is told is told nothing more, and the work goes on.
process.stderr.on('error', () => {});

// Before all else that is loaded. What is compiled is kept for the next run: a third of a command's time from a checkout.
enableCompileCache();
const { runTulle } = await import('./tulle.ts');
const { exitCodeOf, isCommanderError } = await import('./exit-codes.ts');

try {
  await runTulle(process.argv, terminal);
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // Commander has told of its own already.
  if (error instanceof CommandError) {
    if (error.message !== '') terminal.err(`error: ${error.message}\n`);
  } else if (!isCommanderError(error)) terminal.err(`error: ${(error as Error).stack ?? error}\n`);
}
