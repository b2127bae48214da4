import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const template = join(root, 'node_modules/cdk8s-cli/templates/typescript-app');
const work = mkdtempSync(join(tmpdir(), 'tulle-consumer-'));
const project = join(work, 'project');

function run(cwd: string, command: string, ...args: string[]): string {
  // The test runner's own variables would tell jest and npm that they are inside of something else.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$|npm_)/.test(name)),
  );
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  if (error || status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `exit ${status}`}\n${stdout}\n${stderr}`);
  }
  return stdout;
}

/** The tarball that would be published. */
function pack(): string {
  return join(work, run(root, 'npm', 'pack', '--silent', '--pack-destination', work).trim());
}

/** A project as `cdk8s init typescript-app` makes it, from the template that the command uses. */
function init(tarball: string): void {
  const { version: core } = JSON.parse(readFileSync(join(root, 'node_modules/cdk8s/package.json'), 'utf8'));
  const { version: plus } = JSON.parse(readFileSync(join(root, 'node_modules/cdk8s-plus-33/package.json'), 'utf8'));
  const { version: constructs } = JSON.parse(readFileSync(join(root, 'node_modules/constructs/package.json'), 'utf8'));
  const manifest = JSON.parse(
    readFileSync(join(template, 'package.json'), 'utf8')
      .replace('{{ $base }}', 'shop')
      .replace('{{ cdk8s_core_version }}', core)
      .replace('{{ cdk8s_plus_version }}', plus)
      .replace('{{ constructs_version }}', constructs),
  );
  delete manifest.devDependencies['cdk8s-cli']; // only runs `npx ts-node main.ts`, as the test does itself
  manifest.dependencies.tulle = `file:${tarball}`;
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
  for (const file of ['tsconfig.json', 'jest.config.js']) copyFileSync(join(template, file), join(project, file));
  for (const file of ['main.ts', 'main.test.ts']) {
    copyFileSync(join(import.meta.dirname, 'project', file), join(project, file));
  }
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--omit=optional');
}

const synth = () => {
  rmSync(join(project, 'dist'), { recursive: true, force: true });
  run(project, 'npx', 'ts-node', 'main.ts');
  return readdirSync(join(project, 'dist')).map((file) => [file, readFileSync(join(project, 'dist', file), 'utf8')]);
};

beforeAll(() => init(pack()), 240_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

it('type-checks, declarations of the package included, without cdk8s-plus-27', () => {
  run(project, 'npx', 'tsc', '--noEmit');
}, 240_000);

it('synthesizes the mesh and a meshed chart, the same bytes each time', () => {
  const files = synth();
  expect(files.map(([file]) => file)).toEqual(['shop.k8s.yaml', 'tulle.k8s.yaml']);
  expect(files[0][1]).toContain('name: tulle-proxy');
  expect(synth()).toEqual(files);
}, 240_000);

it('keeps its snapshot in jest', () => {
  run(project, 'npx', 'jest', '--ci=false', 'main.test.ts'); // writes the snapshot, which jest would not do in CI
  run(project, 'npx', 'jest', '--ci', 'main.test.ts');
}, 240_000);

it('has MeshedDeployment once cdk8s-plus-27 is installed', () => {
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--omit=optional', 'cdk8s-plus-27@^2.9.5');
  copyFileSync(join(import.meta.dirname, 'project/meshed.test.ts'), join(project, 'meshed.test.ts'));
  run(project, 'npx', 'tsc', '--noEmit');
  run(project, 'npx', 'jest', '--ci=false', 'meshed.test.ts');
}, 240_000);
