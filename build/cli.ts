/**
 * Builds the published command line: `node build/cli.ts [outdir]` bundles cli/ and all that it needs, but the peers of the
 * package, into dist/cli. A command is a file of its own, loaded when it is asked for.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { builtinsAsObjects } from './builtins.ts';

const root = resolve(import.meta.dirname, '..');
const outdir = resolve(process.argv[2] ?? join(root, 'dist/cli'));
const bun = join(root, 'node_modules/bun/bin/bun.exe');
const peers = ['cdk8s', 'constructs'].flatMap((name) => ['--external', name]);

rmSync(outdir, { recursive: true, force: true });
const args = [
  'build',
  '--target=node',
  '--format=esm',
  '--splitting',
  '--minify-syntax',
  '--minify-whitespace',
  ...peers,
];
const { status, stderr } = spawnSync(bun, [...args, '--outdir', outdir, 'cli/main.ts'], {
  cwd: root, // paths in the bundle are relative to it
  encoding: 'utf8',
});
if (status !== 0) throw new Error(`cli/ cannot be bundled:\n${stderr}`);

for (const name of readdirSync(outdir)) {
  const file = join(outdir, name);
  writeFileSync(file, builtinsAsObjects(readFileSync(file, 'utf8')));
}
const program = join(outdir, 'main.js');
writeFileSync(program, `#!/usr/bin/env node\n${readFileSync(program, 'utf8').replace(/^#!.*\n/, '')}`);
chmodSync(program, 0o755);
