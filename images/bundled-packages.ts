import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bunProgram, root } from './bundle.ts';
import type { ImageName } from './contents.ts';

/** A package of npm of which something is in a bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
}

/** The programs of each image, which its bundles are made of; and the command line, which is published as a bundle too. */
export const programs: Readonly<Record<ImageName | 'cli', { runtime: 'bun' | 'node'; entries: readonly string[] }>> = {
  proxy: { runtime: 'bun', entries: ['proxy/main.ts'] },
  controller: { runtime: 'node', entries: ['control-plane/main.ts'] },
  emojivoto: {
    runtime: 'node',
    entries: ['emoji', 'voting', 'web', 'vote-bot', 'ask', 'authorizer'].map(
      (service) => `examples/emojivoto/services/${service}.ts`,
    ),
  },
  cli: { runtime: 'node', entries: ['cli/main.ts'] },
};

/** What a comment of the bundler says of the file that a part of the bundle is from. */
const origin = /^\s*\/\/ (\S*node_modules\/\S+)$/gm;

/**
 * The packages that are in the bundles of an image, as the bundler took them in: package.json tells nothing, for all
 * dependencies are of development there.
 */
export function bundledPackages(program: keyof typeof programs): BundledPackage[] {
  const { runtime, entries } = programs[program];
  const folders = new Map<string, string>();
  for (const entry of entries) {
    const text = execFileSync(bunProgram, ['build', `--target=${runtime}`, '--format=esm', join(root, entry)], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for (const [, path] of text.matchAll(origin)) {
      const at = path.lastIndexOf('node_modules/') + 'node_modules/'.length;
      const [scope, name] = path.slice(at).split('/');
      const folder = scope.startsWith('@') ? `${scope}/${name}` : scope;
      folders.set(join(root, path.slice(0, at), folder), folder);
    }
  }
  return [...folders]
    .map(([folder, name]) => {
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as BundledPackage;
      return { name, version, license };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
