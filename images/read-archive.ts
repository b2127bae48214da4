import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { ImageConfig } from './containerfile.ts';

/** What an image has at one path: type, mode, owner, content (as a digest) or link target, and capabilities. */
export interface FileFacts {
  readonly type: string;
  readonly mode: number;
  readonly owner: string;
  readonly modified: number;
  readonly content: string;
  readonly target: string;
  readonly capabilities: string;
}

export interface ReadImage {
  readonly names: readonly string[];
  readonly config: ImageConfig;
  /** By path, without a trailing slash. */
  readonly files: ReadonlyMap<string, FileFacts>;
}

/** Reads an archive that docker could load, whoever wrote it, to compare what is in it. */
export function readImageArchive(file: string): ReadImage {
  const archive = new Map<string, Buffer>();
  const links = new Map<string, string>();
  for (const { path, facts, bytes } of readTar(readFileSync(file))) {
    archive.set(path, bytes);
    if (facts.target !== '') links.set(path, facts.target);
  }
  const find = (path: string): Buffer => {
    const bytes = archive.get(links.get(path)?.replace(/^(\.\.\/)+/, '') ?? path);
    if (bytes === undefined) throw new Error(`${file} has no ${path}`);
    return bytes;
  };
  const [manifest] = JSON.parse(find('manifest.json').toString()) as [
    { Config: string; RepoTags: string[]; Layers: string[] },
  ];
  const files = new Map<string, FileFacts>();
  for (const layer of manifest.Layers) {
    const bytes = find(layer);
    for (const { path, facts } of readTar(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes)) files.set(path, facts);
  }
  return { names: manifest.RepoTags, config: JSON.parse(find(manifest.Config).toString()).config, files };
}

/** The entries of a tar archive; of extended headers only what images need is understood. */
export function* readTar(archive: Buffer): Generator<{ path: string; facts: FileFacts; bytes: Buffer }> {
  let extended = new Map<string, Buffer>();
  for (let offset = 0; offset + 512 <= archive.length && archive[offset] !== 0; ) {
    const header = archive.subarray(offset, offset + 512);
    const text = (start: number, end: number): string => header.toString('utf8', start, end).replace(/\0.*$/s, '');
    const number = (start: number, end: number): number => Number.parseInt(text(start, end).trim() || '0', 8);
    const size = number(124, 136);
    const bytes = archive.subarray(offset + 512, offset + 512 + size);
    offset += 512 + Math.ceil(size / 512) * 512;
    const type = text(156, 157);
    if (type === 'x') {
      extended = records(bytes);
      continue;
    }
    const prefix = text(345, 500);
    const path = extended.get('path')?.toString() ?? `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`;
    yield {
      path: path.replace(/\/$/, ''),
      facts: {
        type,
        mode: number(100, 108) & 0o7777,
        owner: `${number(108, 116)}:${number(116, 124)}`,
        modified: number(136, 148),
        content: type === '0' ? createHash('sha256').update(bytes).digest('hex') : '',
        target: extended.get('linkpath')?.toString() ?? text(157, 257),
        capabilities: extended.get('SCHILY.xattr.security.capability')?.toString('hex') ?? '',
      },
      bytes,
    };
    extended = new Map();
  }
}

function records(bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let offset = 0; offset < bytes.length; ) {
    const space = bytes.indexOf(0x20, offset);
    const length = Number(bytes.toString('latin1', offset, space));
    const equals = bytes.indexOf(0x3d, space);
    found.set(bytes.toString('utf8', space + 1, equals), bytes.subarray(equals + 1, offset + length - 1));
    offset += length;
  }
  return found;
}
