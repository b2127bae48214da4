import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { followWarnings } from '../../control-plane/policy/followed.ts';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { type Kind, kindInfo, kindOf } from '../../control-plane/sources/kinds.ts';
import { trim } from '../../control-plane/sources/trim.ts';
import { Mesh } from '../../lib/index.ts';
import { foreignKinds, type KindName, type KindSpec, kinds, meshKinds } from '../../lib/kinds/index.ts';

const root = resolve(import.meta.dirname, '../..');
const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|(^|\/)(testing|testing\.ts)(\/|$)/.test(name))
    .map((name) => join(root, folder, name));

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs?: readonly string[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
  readonly webhooks?: readonly { readonly rules: readonly Rule[] }[];
}

const chart = new Chart(new App(), 'tulle');
new Mesh(chart, 'mesh');
const install = Testing.synth(chart) as readonly Manifest[];

/** `group/resource verb` of each rule of the manifests that `is` picks. */
function allowed(is: (manifest: Manifest) => boolean): Set<string> {
  const rules = install
    .filter(is)
    .flatMap(({ rules, webhooks }) => rules ?? webhooks?.flatMap((each) => each.rules) ?? []);
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs = ['check'] }) =>
      apiGroups.flatMap((group) => resources.flatMap((each) => verbs.map((verb) => `${group}/${each} ${verb}`))),
    ),
  );
}
const destination = allowed(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name.includes('destination'));
const users = allowed(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name.endsWith('edit'));
const webhooks = allowed(({ kind }) => kind === 'ValidatingWebhookConfiguration');
const definitions = install
  .filter(({ kind }) => kind === 'CustomResourceDefinition')
  .map(({ metadata }) => metadata.name);

const named = Object.entries(kinds) as [KindName, KindSpec][];
const apiVersionOf = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

describe.each(named)('%s is named in its file alone:', (name, spec) => {
  const { group, kind, plural, scope, reads, builtIn = false, versions, writesStatus = false } = spec;
  const resource = `${group}/${plural}`;
  const isRead = reads !== undefined;
  const version = (reads?.versions ?? versions.map((each) => each.name))[0] ?? 'v1';
  const object = { apiVersion: apiVersionOf(group, version), kind, metadata: { name: 'x', namespace: 'shop' } };

  it('it is read if it says so, as it says', () => {
    expect(kindOf(object)).toBe(isRead ? name : undefined);
    expect(name in kindInfo).toBe(isRead);
    if (reads === undefined) return;
    const { keep, versions: read, namespaced, optional } = kindInfo[name as Kind];
    expect([keep, read, namespaced, optional]).toEqual([reads.keep, reads.versions, scope === 'Namespaced', !builtIn]);
    const kept = trim(name as Kind, object.apiVersion, {
      ...object,
      metadata: { ...object.metadata, resourceVersion: '7' },
    });
    expect(kept).toMatchObject(object);
    expect(kept.metadata.resourceVersion).toBe(writesStatus ? '7' : undefined);
  });

  it('what is read of it is what its definition has', () => {
    if (reads === undefined || versions.length === 0) return;
    const brought = versions.map((each) => each.name);
    expect(brought.filter((each) => reads.versions.includes(each))).toEqual(reads.versions);
    for (const field in reads.keep as object) expect(versions[0].schema['properties']).toHaveProperty(field);
  });

  it('the component may list and watch it if it is read, and write its status if it does', () => {
    expect([destination.has(`${resource} list`), destination.has(`${resource} watch`)]).toEqual([isRead, isRead]);
    expect(destination.has(`${resource}/status patch`)).toBe(writesStatus);
  });

  it('the mesh brings its definition, and lets users have it, if it has versions', () => {
    expect(definitions.includes(`${plural}.${group}`)).toBe(versions.length > 0);
    expect(users.has(`${resource} create`)).toBe(versions.length > 0);
  });

  it('its objects are checked, unless it is of Kubernetes itself', () => {
    expect(webhooks.has(`${resource} check`)).toBe(!builtIn);
    const problems = validateObject({ ...object, spec: 'none' });
    expect(problems).toEqual(versions.length > 0 ? ['spec (none) must be an object'] : []);
    // What every cluster has, may have one, for who reads files.
    if (!builtIn) expect(spec.shape !== undefined).toBe(foreignKinds.includes(spec));
  });

  it('who makes one that nobody reads is told so', () => {
    expect(followWarnings({ ...object, spec: {} })).toHaveLength(isRead ? 0 : 1);
  });
});

it('every file of lib/kinds that says what a kind is stands in the list', () => {
  const specs = sources('lib/kinds').flatMap((file) => {
    const [, name] = /^export const (\w+): (?:ReadKind|UnreadKind|KindSpec)\b/m.exec(readFileSync(file, 'utf8')) ?? [];
    return name === undefined ? [] : [name];
  });
  const list = readFileSync(join(root, 'lib/kinds/index.ts'), 'utf8');
  expect(specs.filter((name) => !list.includes(`: ${name},`))).toEqual([]);
  expect(specs).toHaveLength(named.length);
});

it('no other file of the mesh names the resources of a kind that a cluster may lack', () => {
  const resources = [...meshKinds, ...foreignKinds].map(({ plural }) => plural);
  const naming = new RegExp(`['"\`/](${resources.join('|')})['"\`/.]`);
  const offences = ['lib', 'control-plane', 'cli', 'synth']
    .flatMap(sources)
    .filter((file) => !relative(root, file).startsWith('lib/kinds/') && naming.test(readFileSync(file, 'utf8')))
    .map((file) => relative(root, file));
  expect(offences).toEqual([]);
});
