import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../terminal.ts';

/** A folder of manifests that was typed. Throws a UsageError when there is none. */
export function manifestFolder(cwd: string, path: string): string {
  const folder = resolve(cwd, path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new UsageError(`${path}: there is no such folder: name one of manifests`);
}
