import { type ExecFileException, execFile } from 'node:child_process';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** Runs a command to its end and returns its standard output. Rejects with a CommandError. */
export type RunCommand = (command: Command) => Promise<string>;

/** Tells the command, how it ended, and what it wrote about that. */
export class CommandError extends Error {
  constructor(command: Command, outcome: string, stderr: string) {
    super(`'${shown(command)}' ${outcome}${stderr === '' ? '' : `: ${stderr}`}`);
  }
}

/** A deadline above the time that iptables may wait for its lock. */
const timeoutMs = 15_000;
const maxOutputBytes = 4 << 20;

export const runCommand: RunCommand = (command) =>
  new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: maxOutputBytes } as const;
    execFile(command.program, [...command.args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new CommandError(command, outcomeOf(error), oneLine(stderr)));
    });
  });

const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ');

function outcomeOf({ code, killed, signal, message }: ExecFileException): string {
  if (killed) return `did not end within ${timeoutMs} ms`;
  if (code === 'ENOENT') return 'cannot be run: there is no such program';
  if (code === 'EACCES') return 'cannot be run: this user may not';
  if (typeof code === 'number') return `failed with exit code ${code}`;
  return signal ? `was ended by ${signal}` : `failed (${message})`;
}

/** As one would type it. */
export const shown = ({ program, args }: Command): string =>
  [program, ...args]
    .map((part) => (/^[\w./:,=@%+-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`))
    .join(' ');
