/**
 * What the package exports, as it is written down: `node build/api.ts` writes
 *
 *     etc/*.api.md                 every declaration of an entry: a change of the API is a change of it, and
 *                                  `git diff <release> -- etc` lists those since a release
 *     docs/reference/api-*.md      the same for readers, from the docstrings
 *
 * and `node build/api.ts --check` fails where one of them is not what it would write.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { type ApiItem, apiItems } from './docs/api-model.ts';
import { type ApiPage, renderPage } from './docs/api-reference.ts';

const root = resolve(import.meta.dirname, '..');
const built = join(root, 'dist/api');
const checks = process.argv.includes('--check');

const entries = [
  { name: 'tulle', build: 'build/lib.ts' },
  { name: 'tulle-testing', build: 'build/testing.ts' },
] as const;

const outdated: string[] = [];
rmSync(built, { recursive: true, force: true });
mkdirSync(built, { recursive: true });
const [constructs, testing] = entries.map(extract);
for (const page of pagesOf(constructs, testing)) keep(join('docs/reference', page.file), page.text);
rmSync(built, { recursive: true });
if (outdated.length > 0) {
  console.error(`not current: ${outdated.join(', ')}. See what has changed, and run: node build/api.ts`);
  process.exit(1);
}

/** Compiles an entry, keeps its report, and returns what it exports. */
function extract({ name, build }: (typeof entries)[number]): readonly ApiItem[] {
  const folder = join(built, name);
  const { status } = spawnSync(process.execPath, [build, folder], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${build} failed: see above`);
  const entry = join(folder, 'index.d.ts');
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: built,
      mainEntryPointFilePath: entry,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            ...{ target: 'es2022', lib: ['es2022'], module: 'nodenext', strict: true, skipLibCheck: true },
            ...{ typeRoots: [join(root, 'node_modules/@types')], types: ['node'] },
          },
          files: [entry],
        },
      },
      apiReport: {
        ...{
          enabled: true,
          reportFileName: `${name}.api.md`,
          reportFolder: built,
          reportTempFolder: join(built, 'temp'),
        },
        includeForgottenExports: true,
      },
      docModel: { enabled: true, apiJsonFilePath: join(built, `${name}.api.json`) },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
    },
    packageJsonFullPath: join(root, 'package.json'),
    configObjectFullPath: undefined,
  });
  // Its rules are for another style of docstrings; types that are wrong, tsc has told.
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.logLevel = ExtractorLogLevel.None;
    },
  });
  keep(join('etc', `${name}.api.md`), readFileSync(join(built, `${name}.api.md`), 'utf8'));
  return apiItems(join(built, `${name}.api.json`));
}

function pagesOf(constructs: readonly ApiItem[], testing: readonly ApiItem[]): { file: string; text: string }[] {
  const of = (room: string) => constructs.filter(({ fileUrlPath }) => fileUrlPath?.split('/')[1] === room);
  const pages: readonly ApiPage[] = [
    { file: 'api-mesh.md', title: 'API: the install', about: 'The mesh itself.', items: of('mesh') },
    { file: 'api-workload.md', title: 'API: workloads', about: 'Workloads with a sidecar.', items: of('workload') },
    { file: 'api-traffic.md', title: 'API: traffic', about: 'Routes, and patterns over them.', items: of('traffic') },
    { file: 'api-policy.md', title: 'API: policy', about: 'Who may call whom.', items: of('policy') },
    {
      ...{ file: 'api-testing.md', title: 'API: tulle/testing', items: testing },
      about: 'A mesh in a unit test ([guide](../guides/testing.md)).',
    },
  ];
  const missing = constructs.filter((item) => !pages.some(({ items }) => items.includes(item)));
  if (missing.length > 0) throw new Error(`on no page of the reference: ${missing.map(({ name }) => name)}`);
  return pages.map((page) => ({ file: page.file, text: renderPage(page, pages) }));
}

function keep(path: string, text: string): void {
  const file = join(root, path);
  if (checks) {
    if (readText(file) !== text) outdated.push(path);
    return;
  }
  mkdirSync(resolve(file, '..'), { recursive: true });
  writeFileSync(file, text);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // new: it is not current
  }
}
