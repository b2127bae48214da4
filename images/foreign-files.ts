import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Architecture, namesOf } from './architecture.ts';
import { download, packed } from './downloads.ts';
import { ForeignSysroot } from './foreign-sysroot.ts';
import type { Sysroot, SystemPackage } from './sysroot.ts';

/** What images of an architecture are made of, where another machine makes them: `images/inputs/<architecture>.json`. */
export interface Inputs {
  /** Of Debian. */
  readonly packages: readonly (SystemPackage & { readonly sha256: string })[];
  /** Of npm, with the digest that it has in its registry. */
  readonly npm: readonly { readonly name: string; readonly version: string; readonly integrity: string }[];
}

export const inputsFile = (architecture: Architecture): string =>
  join(import.meta.dirname, 'inputs', `${architecture}.json`);

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tulle/sysroots');

/**
 * The files of another architecture. They are downloaded once for each list, by apt and npm from where this machine has
 * its own, and kept. Throws when one has another digest than the list says, or is not to be had any more.
 */
export function foreignSysroot(architecture: Architecture): Sysroot {
  const text = readFileSync(inputsFile(architecture), 'utf8');
  const inputs = JSON.parse(text) as Inputs;
  const folder = join(cache, createHash('sha256').update(text).digest('hex').slice(0, 16));
  if (!existsSync(folder)) fill(folder, architecture, inputs);
  const { node, bun } = namesOf[architecture];
  const program = (name: string, path: string): string => join(folder, 'npm', name, 'package', path);
  return new ForeignSysroot({
    ...{ architecture, folder: join(folder, 'debian'), packages: inputs.packages },
    ...{ node: program(node, 'bin/node'), bun: program(bun, 'bin/bun') },
  });
}

function fill(folder: string, architecture: Architecture, { packages, npm }: Inputs): void {
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}.`);
  try {
    const downloads = join(partial, 'downloads');
    const files = download(architecture, packages, downloads);
    for (const { name, sha256 } of packages) {
      const file = files.get(name)!;
      expectDigest(file, 'sha256', 'hex', sha256);
      mkdirSync(join(partial, 'debian', name), { recursive: true });
      execFileSync('dpkg-deb', ['--extract', file, join(partial, 'debian', name)]);
    }
    for (const { name, version, integrity } of npm) {
      const file = packed(name, version, downloads);
      expectDigest(file, 'sha512', 'base64', integrity.replace(/^sha512-/, ''));
      mkdirSync(join(partial, 'npm', name), { recursive: true });
      execFileSync('tar', ['--extract', '--file', file, '--directory', join(partial, 'npm', name)]);
    }
    rmSync(downloads, { recursive: true });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function expectDigest(file: string, algorithm: string, encoding: 'hex' | 'base64', expected: string): void {
  const digest = createHash(algorithm).update(readFileSync(file)).digest(encoding);
  if (digest !== expected)
    throw new Error(
      `${file} has the ${algorithm} ${digest}, where images/inputs has ${expected}: it is not what was pinned`,
    );
}
