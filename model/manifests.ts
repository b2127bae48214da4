import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifests } from '../control-plane/sources/parse-manifests.ts';
import type { KubernetesObject } from '../lib/kinds/kubernetes-object.ts';
import type { AppLike } from './app-like.ts';

/** The objects that an app synthesizes. */
export function objectsOfApp({ charts }: AppLike): readonly KubernetesObject[] {
  return charts.flatMap((chart, index) => objectsOfText(JSON.stringify(listOf(chart.toJson())), `chart ${index + 1}`));
}

const listOf = (items: readonly unknown[]): object => ({ apiVersion: 'v1', kind: 'List', items });

/** The objects of the manifests of a folder and its sub-folders. Throws when a file cannot be read. */
export function objectsOfFolder(folder: string): readonly KubernetesObject[] {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name) && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return files.flatMap((file) => objectsOfText(readFileSync(file, 'utf8'), file));
}

/** The objects of a text. Throws when something in it is none: a model without it would tell something else. */
export function objectsOfText(text: string, file: string): readonly KubernetesObject[] {
  const { objects, problems } = parseManifests(file, text);
  if (problems.length > 0) {
    const shown = problems.slice(0, 10).map(({ line, where, message }) => `${file}:${line}: ${where}: ${message}`);
    throw new Error(`the manifests cannot be read:\n${shown.join('\n')}`);
  }
  return objects;
}
