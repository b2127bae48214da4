import { isUtf8 } from 'node:buffer';
import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { unread } from '../unread.ts';

/** A text of manifests, and how it is called in messages. */
export interface ManifestText {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const fetchTimeoutMs = 30_000;
const maxBytes = 64 * 1024 * 1024;
const kustomizeTimeoutMs = 120_000;
const manifestFile = /\.(ya?ml|json)$/;

/**
 * Reads manifests from where they are: a file, `-` for standard input, an http or https URL, or all files of a folder and its
 * sub-folders, in the order of their names. Rejects with a CommandError that names what cannot be read.
 */
export async function readPlace(place: string, terminal: Terminal): Promise<ManifestText[]> {
  if (place === '-') return [await read('standard input', () => terminal.input())];
  if (/^https?:\/\//.test(place)) return [await read(place, () => download(place))];
  const path = resolve(terminal.cwd, place);
  if (!(await isFolder(path))) return [await read(place, () => readFile(path))];
  const files = await manifestFiles(path).catch((error) => {
    throw unread(place, error);
  });
  if (files.length === 0) throw new UsageError(`${place} has no file of manifests: *.yaml, *.yml, *.json`);
  return Promise.all(files.map((file) => read(join(place, file), () => readFile(join(path, file)))));
}

/** What `kubectl kustomize` makes of a folder, or the program of that name where there is no kubectl. */
export async function kustomized(folder: string, { cwd, environment }: Terminal): Promise<ManifestText> {
  const path = resolve(cwd, folder);
  if (!(await isFolder(path)))
    throw new UsageError(`--kustomize (${folder}) must be a folder with a kustomization.yaml`);
  const programs = [
    ['kubectl', 'kustomize', path],
    ['kustomize', 'build', path],
  ];
  for (const [program, ...args] of programs) {
    const { promise, resolve: done, reject } = Promise.withResolvers<Uint8Array | undefined>();
    const options = { cwd, env: { ...environment }, maxBuffer: maxBytes, timeout: kustomizeTimeoutMs };
    execFile(program, args, { ...options, encoding: 'buffer' }, (error, stdout, stderr) => {
      if (error === null) done(stdout);
      else if (error.code === 'ENOENT') done(undefined);
      else reject(new CommandError(`--kustomize (${folder}): ${stderr.toString().trim() || error.message}`));
    });
    const bytes = await promise;
    if (bytes !== undefined) return { name: folder, bytes };
  }
  throw new CommandError(`--kustomize (${folder}) needs kubectl or kustomize, and neither is in the PATH`);
}

/**
 * Bytes that are no UTF-8 would come out as others, in objects too that are only passed on. kubectl refuses them as well:
 * throws a CommandError.
 */
export function decoded(name: string, bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new CommandError(`${name} cannot be read: it is no text in UTF-8: save it as such`);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

async function read(name: string, bytes: () => Promise<Uint8Array>): Promise<ManifestText> {
  try {
    return { name, bytes: await bytes() };
  } catch (error) {
    throw unread(name, error);
  }
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs) });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** The files of manifests in a folder and below, by their paths from there, in order. Rejects as the system has it. */
export async function manifestFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && manifestFile.test(entry.name) && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
