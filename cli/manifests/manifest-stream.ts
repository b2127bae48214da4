import type { Document } from 'yaml';
import { readYaml, splitYaml, YamlProblem } from '../../control-plane/sources/kubectl-yaml.ts';
import { formatReport, type Manifest, type ManifestResult } from '../../lib/inject/index.ts';
import { isRecord } from '../../lib/inject/kubernetes.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { editYaml } from './edit-yaml.ts';
import { decoded, kustomized, type ManifestText, readPlace } from './manifest-places.ts';
import { blockYaml, flowYaml } from './write-yaml.ts';

interface DocumentPlace {
  readonly text: string;
  /** Of the text in that of the file. */
  readonly offset: number;
}
interface ObjectDocument extends DocumentPlace {
  readonly object: Manifest;
  readonly yaml: Document.Parsed;
}
interface OtherDocument extends DocumentPlace {
  readonly problem: string;
}

/** A document of the input: an object, or text that is none and is passed on as it came. */
export type ManifestDocument = ObjectDocument | OtherDocument;

/** A file of manifests: documents, and what stands between them. */
export interface ManifestFile {
  readonly text: string;
  readonly documents: readonly ManifestDocument[];
}

/** Where manifests are: files, folders, URLs, `-`, and folders that Kustomize makes some of. */
export interface ManifestPlaces {
  readonly paths: readonly string[];
  readonly kustomize?: string;
}

/** Reads each of them, at least one. Rejects with a CommandError that names what cannot be read. */
export async function readDocuments(
  { paths, kustomize }: ManifestPlaces,
  terminal: Terminal,
): Promise<readonly ManifestFile[]> {
  if (paths.length === 0 && kustomize === undefined) {
    throw new UsageError('name what is to be read: files, folders or URLs, - for standard input, or -k and a folder');
  }
  if (paths.filter((path) => path === '-').length > 1) throw new UsageError('- can be read once');
  const texts = await Promise.all(paths.map((path) => readPlace(path, terminal)));
  if (kustomize !== undefined) texts.push([await kustomized(kustomize, terminal)]);
  return texts.flat().map(parsed);
}

function parsed({ name, bytes }: ManifestText): ManifestFile {
  const text = decoded(name, bytes);
  try {
    return { text, documents: parseDocuments(name, text) };
  } catch (error) {
    throw new CommandError(`${name} cannot be read: ${(error as Error).message}`);
  }
}

export const objectsOf = (files: readonly ManifestFile[]): Manifest[] =>
  files.flatMap(({ documents }) => documents.flatMap((document) => ('object' in document ? [document.object] : [])));

function parseDocuments(name: string, whole: string): ManifestDocument[] {
  const found: ManifestDocument[] = [];
  for (const [index, { text, offset }] of splitYaml(whole).entries()) {
    const at = (within: number): string => `${name}:${lineOf(whole, offset + within)}: document ${index + 1}`;
    try {
      const read = readYaml(text);
      if (read === undefined) continue;
      const { kind, apiVersion } = Object(read.value) as Manifest;
      if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
        const start = read.document.contents?.range?.[0];
        throw new YamlProblem('is no object: it must have apiVersion and kind', start);
      }
      found.push({ text, offset, object: read.value as Manifest, yaml: read.document });
    } catch (error) {
      if (!(error instanceof YamlProblem)) throw error;
      found.push({ text, offset, problem: `${at(error.offset ?? 0)}: ${error.message}` });
    }
  }
  return found;
}

const lineOf = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/**
 * Edits each object and writes all of the files to standard output, as one stream, what has not changed byte for byte; what
 * happened goes to standard error. Throws a CommandError afterwards when a document could not be read or an object has a mistake.
 */
export function editDocuments(
  files: readonly ManifestFile[],
  edit: (object: Manifest) => ManifestResult,
  terminal: Terminal,
): void {
  const failures: string[] = [];
  let mistaken = 0;
  for (const [index, file] of files.entries()) {
    const [edited, found] = editFile(file, edit, terminal, failures);
    mistaken += found;
    terminal.out(index === 0 ? edited : `---\n${edited}`);
    // What follows begins a document of its own.
    if (index < files.length - 1 && !edited.endsWith('\n')) terminal.out('\n');
  }
  if (mistaken > 0) failures.push(`mistakes in the objects: ${mistaken}, told above; the rest was done`);
  if (failures.length > 0) throw new CommandError(failures.join('\nerror: '));
}

function editFile(
  { text, documents }: ManifestFile,
  edit: (object: Manifest) => ManifestResult,
  { err }: Terminal,
  failures: string[],
): [edited: string, mistaken: number] {
  let mistaken = 0;
  let written = '';
  let done = 0;
  for (const document of documents) {
    written += text.slice(done, document.offset);
    done = document.offset + document.text.length;
    if ('problem' in document) {
      failures.push(`${document.problem}; it is passed on as it came`);
      written += document.text;
      continue;
    }
    const { object, reports } = edit(document.object);
    written += rewritten(document, object, err);
    for (const report of reports) {
      // Objects that have nothing to do with the mesh are passed on without a word.
      if (report.outcome !== 'skipped' || report.reasons.length > 0 || report.problems.length > 0) {
        err(`${formatReport(report)}\n`);
      }
      mistaken += report.problems.filter(({ severity }) => severity === 'error').length;
    }
  }
  return [written + text.slice(done), mistaken];
}

function rewritten({ text, yaml, object: before }: ObjectDocument, after: Manifest, err: Terminal['err']): string {
  if (after === before) return text;
  const edited = editYaml(text, yaml, before, after);
  if (edited !== undefined) return edited;
  err(`${before.kind} "${before.metadata?.name ?? ''}" is written anew, without its comments and anchors\n`);
  return text.trimStart().startsWith('{') ? `${flowYaml(after)}\n` : blockYaml(after);
}

/** Objects as YAML documents. */
export const formatObjects = (objects: readonly Manifest[]): string => objects.map(blockYaml).join('---\n');

/** Objects of manifests, those of Lists too, for what is only looked at. Rejects with a CommandError for what is no object. */
export async function readObjects(paths: readonly string[], terminal: Terminal): Promise<Manifest[]> {
  const files = await readDocuments({ paths }, terminal);
  const problems = files.flatMap(({ documents }) =>
    documents.flatMap((document) => ('problem' in document ? [document.problem] : [])),
  );
  if (problems.length > 0) throw new CommandError(problems.join('\nerror: '));
  return objectsOf(files).flatMap((object) =>
    Array.isArray(object.items) ? (object.items.filter(isRecord) as Manifest[]) : [object],
  );
}
