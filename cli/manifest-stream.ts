import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LineCounter, parseAllDocuments, stringify } from 'yaml';
import { formatReport, type Manifest, type ManifestResult } from '../lib/inject/index.ts';
import { readManifestFolder } from '../local/manifest-folder.ts';
import { CommandError, type Terminal } from './terminal.ts';

/** A document of the input: an object, or text that is none and is passed on as it came. */
export type ManifestDocument = { readonly object: Manifest } | { readonly text: string; readonly problem: string };

/** Reads `-` or a file. Rejects with a CommandError when it cannot be read. */
export async function readDocuments(file: string, terminal: Terminal): Promise<ManifestDocument[]> {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = file === '-' ? await terminal.input() : await readFile(resolve(terminal.cwd, file), 'utf8');
  } catch (error) {
    throw new CommandError(`${name} cannot be read: ${(error as Error).message}`);
  }
  return parseDocuments(name, text);
}

export function parseDocuments(name: string, text: string): ManifestDocument[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines });
  const found: ManifestDocument[] = [];
  for (const [index, document] of (Array.isArray(parsed) ? parsed : []).entries()) {
    const source = text.slice(document.range[0], document.range[2]);
    const bad = (line: number, message: string): void => {
      found.push({ text: source.trim(), problem: `${name}:${line}: document ${index + 1}: ${message}` });
    };
    const line = lines.linePos(document.contents?.range?.[0] ?? document.range[0]).line;
    const [error] = document.errors;
    if (error !== undefined) {
      bad(error.linePos?.[0].line ?? line, error.message.split('\n')[0]);
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (problem) {
      bad(line, (problem as Error).message);
      continue;
    }
    if (value === null || value === undefined) continue;
    const { kind, apiVersion } = Object(value) as Manifest;
    if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
      bad(line, 'is no object: it must have apiVersion and kind');
    } else found.push({ object: value as Manifest });
  }
  return found;
}

/**
 * Edits each object and writes all documents to standard output; what happened to them goes to standard error. Throws
 * a CommandError afterwards when a document could not be read or an object has a mistake.
 */
export function editDocuments(
  documents: readonly ManifestDocument[],
  edit: (object: Manifest) => ManifestResult,
  { out, err }: Terminal,
): void {
  const unreadable: string[] = [];
  let mistaken = 0;
  const texts: string[] = [];
  for (const document of documents) {
    if ('problem' in document) {
      unreadable.push(document.problem);
      texts.push(`${document.text.replace(/^---\s*/, '')}\n`);
      continue;
    }
    const { object, reports } = edit(document.object);
    texts.push(stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
    for (const report of reports) {
      // Objects that have nothing to do with the mesh are passed on without a word.
      if (report.outcome !== 'skipped' || report.reasons.length > 0 || report.problems.length > 0) {
        err(`${formatReport(report)}\n`);
      }
      mistaken += report.problems.filter(({ severity }) => severity === 'error').length;
    }
  }
  out(texts.join('---\n'));
  if (mistaken > 0) unreadable.push(`mistakes in the objects: ${mistaken}, told above; the rest was done`);
  if (unreadable.length > 0) throw new CommandError(unreadable.join('\nerror: '));
}

/** Objects as YAML documents. */
export const formatObjects = (objects: readonly Manifest[]): string =>
  objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');

/** Objects of a file or folder of manifests, for what is only looked at. Rejects with a CommandError. */
export async function readObjects(path: string, terminal: Terminal): Promise<Manifest[]> {
  const full = resolve(terminal.cwd, path);
  try {
    if ((await stat(full)).isDirectory()) return (await readManifestFolder(full)).objects;
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${(error as Error).message}`);
  }
  return (await readDocuments(path, terminal)).flatMap((document) => ('object' in document ? [document.object] : []));
}
