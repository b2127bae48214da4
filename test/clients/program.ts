import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const installed = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
/** Not on this machine: the name of the test says so, and which package has it. */
export const needs = (program: string, of: string): [boolean, string] =>
  installed(program) ? [true, program] : [false, `${program} (skipped: install the package ${of})`];

/** Runs a program to its end; returns what it printed. */
export function run(program: string, args: readonly string[], input?: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', timeout: 15_000, maxBuffer: 64 * 1024 * 1024, env: {} } as const;
    const child = execFile(
      join((process.env['PATH'] ?? '').split(delimiter).find((folder) => existsSync(join(folder, program)))!, program),
      args,
      options,
      (error: ExecFileException | null, out: Buffer, err: Buffer) =>
        error ? reject(new Error(`${program} ${args.join(' ')}: ${error.code} ${err}`)) : resolve(out),
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
