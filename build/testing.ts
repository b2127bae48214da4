/**
 * Builds `tulle/testing`: `node build/testing.ts [outdir]` bundles model/ and all that it needs into one CommonJS file in
 * dist/testing, with its declarations. A project that tests with it installs nothing more.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { reachable } from './reachable.ts';

const root = resolve(import.meta.dirname, '..');
const outdir = resolve(process.argv[2] ?? join(root, 'dist/testing'));

/** What the entry exports besides types. */
const exported = ['MeshModel', 'anyone'];

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
bundle();
declare();
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');

function bundle(): void {
  const bun = join(root, 'node_modules/bun/bin/bun.exe');
  const file = join(outdir, 'index.js');
  // In lines, for Node and test runners print the one that an error comes from.
  const args = ['build', '--target=node', '--format=cjs', '--minify-syntax'];
  const { status, stderr } = spawnSync(bun, [...args, '--outfile', file, 'model/index.ts'], {
    cwd: root, // paths in the bundle are relative to it
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`model/ cannot be bundled:\n${stderr}`);
  // Never run: it is how Node finds the names that an ES module can import from this one.
  const named = `0 && (module.exports = { ${exported.join(', ')} });\n`;
  writeFileSync(file, `${readFileSync(file, 'utf8')}${named}`);
}

/** What the entry says of itself: nothing of it may name what is inside of the bundle. */
function declare(): void {
  const all = mkdtempSync(join(tmpdir(), 'tulle-declarations-'));
  const project = join(all, 'tsconfig.json');
  const compilerOptions = {
    ...{ rootDir: root, outDir: all, noEmit: false, declaration: true, emitDeclarationOnly: true, stripInternal: true },
    ...{ typeRoots: [join(root, 'node_modules/@types')], types: ['node'] },
  };
  const files = [join(root, 'model/index.ts')];
  writeFileSync(project, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['--project', project], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('model/ does not compile: see above');
  for (const file of reachable(join(all, 'model/index.d.ts'))) {
    const name = relative(join(all, 'model'), file);
    if (name.startsWith('..')) throw new Error(`the declarations of tulle/testing name ${relative(all, file)}`);
    const text = readFileSync(file, 'utf8');
    writeFileSync(join(outdir, name), text.replace(/(from '\.\/[^']+)\.ts'/g, "$1.js'"));
  }
  rmSync(all, { recursive: true });
}
