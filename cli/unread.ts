import { CommandError, UsageError } from './terminal.ts';

/** What cannot be as it was typed, by the code of the system's error. */
const mistyped: ReadonlyMap<string | undefined, string> = new Map([
  ['ENOENT', 'there is no such file or folder'],
  ['ENOTDIR', 'there is no such file or folder'],
  ['EISDIR', 'it is a folder, and must be a file'],
]);

/**
 * Why something that was named cannot be read: a UsageError where it is not there, else a CommandError. `name`: as it was
 * given, `--values (mesh.yaml)`.
 */
export function unread(name: string, error: unknown): CommandError {
  const { code, message, cause } = error as NodeJS.ErrnoException;
  const reason = mistyped.get(code);
  if (reason !== undefined) return new UsageError(`${name} cannot be read: ${reason}`);
  // That of a fetch that failed is only its cause.
  return new CommandError(`${name} cannot be read: ${cause instanceof Error ? cause.message : message}`);
}
