import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where this package's programs are. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Bun for the sidecars: the one installed with this package, else that of the PATH. Throws when there is none. */
export function bunProgram(path: string): string {
  const folders = [
    join(packageRoot, 'node_modules', '.bin'),
    ...path.split(delimiter).filter((folder) => folder !== ''),
  ];
  const found = folders.map((folder) => join(folder, 'bun')).find((file) => existsSync(file));
  if (found === undefined) {
    throw new Error(
      'bun, which the sidecars run on, is not installed: run npm ci in the checkout, or put bun on the PATH',
    );
  }
  return found;
}
