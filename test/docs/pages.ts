import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Everything that people read: what stands in the root of a checkout, and docs/. Paths from the root. */
export function pagesOf(root: string): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  return [...top, ...below('docs').filter((name) => name.endsWith('.md'))].sort();
}
