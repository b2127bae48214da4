import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const relativeImport = /(?:from |import\(|require\()\s*['"](\.[^'"]+)['"]/g;

/** Compiled files, or declarations, that one leads to by what it imports of its own package, itself among them. */
export function reachable(entry: string): Set<string> {
  const found = new Set<string>();
  const look = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, from] of readFileSync(file, 'utf8').matchAll(relativeImport))
      look(fileOf(resolve(dirname(file), from)));
  };
  const extension = entry.endsWith('.d.ts') ? '.d.ts' : '.js';
  const fileOf = (path: string): string => {
    const file = path.replace(/\.[tj]s$/, '') + extension;
    if (!existsSync(file)) throw new Error(`${entry} leads to ${file}, which is not there`);
    return file;
  };
  look(entry);
  return found;
}
