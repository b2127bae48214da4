import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { run } from '../../cli/testing/run.ts';
import {
  formatReport,
  injectConfig,
  injectManifest,
  type Manifest,
  type ManifestContext,
  neighboursOf,
  uninjectManifest,
} from '../../lib/inject/index.ts';

const update = process.env.UPDATE_GOLDENS !== undefined;
const folder = import.meta.dirname;
const cases = readdirSync(folder)
  .filter((file) => file.endsWith('.input.yaml'))
  .map((file) => file.slice(0, -'.input.yaml'.length));

function read(name: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(folder, `${name}.input.yaml`), 'utf8')).map(
    (document) => document.toJS() as Manifest,
  );
}

function namespacesOf(manifests: readonly Manifest[]) {
  const all = manifests.flatMap((manifest) => [manifest, ...(manifest.items ?? [])]);
  return new Map(all.filter(({ kind }) => kind === 'Namespace').map(({ metadata = {} }) => [metadata.name!, metadata]));
}

function contextOf(manifests: readonly Manifest[], request?: ManifestContext['request']): ManifestContext {
  const alone = { namespaces: namespacesOf(manifests), request };
  return { ...alone, neighbours: neighboursOf(manifests, injectConfig(), alone) };
}

function inject(manifests: readonly Manifest[]) {
  const context = contextOf(manifests);
  return manifests.map((manifest) => injectManifest(manifest, injectConfig(), context));
}

function expectGolden(file: string, text: string) {
  const path = join(folder, file);
  if (update) writeFileSync(path, text);
  expect(existsSync(path), `${file} is missing: make it with UPDATE_GOLDENS=1 and read it`).toBe(true);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

describe.each(cases)('%s', (name) => {
  it('becomes its golden, and the report says what happened', () => {
    const results = inject(read(name));
    const yaml = results.map(({ object }) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
    expectGolden(`${name}.golden.yaml`, yaml.join('---\n'));
    const report = results.flatMap(({ reports }) => reports.map(formatReport)).join('\n');
    expectGolden(`${name}.report`, `${report}\n`);
  });

  it('comes out of the command line as the same objects', async () => {
    const { out } = await run(['inject', '--manual', join(folder, `${name}.input.yaml`)]).catch((failed) => failed);
    const context = contextOf(read(name), 'enabled');
    const objects = read(name).map((manifest) => injectManifest(manifest, injectConfig(), context).object);
    expect(parseAllDocuments(out).map((document) => document.toJS())).toEqual(objects);
  });

  it('is not injected twice, and its input is left as it was', () => {
    const input = read(name);
    const once = inject(input).map(({ object }) => object);
    expect(input).toEqual(read(name));
    expect(inject(once).map(({ object }) => object)).toEqual(once);
  });
});

const withoutSettings = (manifests: readonly Manifest[]) =>
  manifests.map((manifest) => uninjectManifest(manifest).object);

it.each(cases.filter((name) => name !== 'already-injected'))('%s: uninject takes all of it out again', (name) => {
  const input = read(name);
  const injected = inject(input).map(({ object }) => object);
  // Settings go in both, for they belong to the mesh whoever wrote them.
  expect(withoutSettings(injected)).toEqual(withoutSettings(input));
});
