import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseManifests } from '../control-plane/sources/parse-manifests.ts';
import type { Manifest } from '../lib/inject/index.ts';
import type { LocalProblem } from './problem.ts';

/**
 * Reads the manifests of a folder and its sub-folders, in the order of their names: `*.yaml`, `*.yml`, `*.json`. What
 * cannot be read is a problem, the rest is returned. Rejects when there is no such folder.
 */
export async function readManifestFolder(
  folder: string,
): Promise<{ readonly objects: Manifest[]; readonly problems: LocalProblem[] }> {
  const objects: Manifest[] = [];
  const problems: LocalProblem[] = [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name) && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const parsed = parseManifests(file, await readFile(file, 'utf8'));
    objects.push(...(parsed.objects as unknown as Manifest[]));
    for (const { line, where, message } of parsed.problems) {
      problems.push({ object: `${file}:${line}`, field: where, message });
    }
  }
  return { objects, problems };
}

/** `emojivoto/deployment/web`, or `namespace/emojivoto`. */
export function objectName({ kind, metadata }: Manifest): string {
  const name = `${(kind ?? 'object').toLowerCase()}/${metadata?.name ?? ''}`;
  return metadata?.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}
