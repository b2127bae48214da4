import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** What the docstring of an option says. */
export interface OptionDoc {
  readonly name: string;
  /** Without the `@default`, in one line. */
  readonly text: string;
  /** Undefined where the docstring has no `@default`. */
  readonly preset: string | undefined;
}

const option = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*readonly (\w+)\??:/g;

/** The options of the interfaces in a source file, by their names. Throws when two have the same. */
export function optionDocs(path: string): ReadonlyMap<string, OptionDoc> {
  const docs = new Map<string, OptionDoc>();
  for (const [, comment, name] of readFileSync(join(root, path), 'utf8').matchAll(option)) {
    if (docs.has(name)) throw new Error(`${path} has two options called ${name}`);
    const [text, preset] = comment
      .replaceAll(/^\s*\* ?/gm, '')
      .split('@default')
      .map((part) => part.replaceAll(/\s+/g, ' ').trim());
    docs.set(name, { name, text, preset: preset?.replace(/^- /, '') });
  }
  return docs;
}
