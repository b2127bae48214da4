import { describe, expect, it } from 'vitest';
import { crdManifest, meshKinds } from './index.ts';

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

const manifests = meshKinds.map((crd) => crdManifest(crd, {}));

/** Every schema in a schema, with its path. */
function* schemas(schema: Node, path: string): Generator<[string, Node]> {
  yield [path, schema];
  for (const [name, child] of Object.entries(schema.properties ?? {})) yield* schemas(child, `${path}.${name}`);
  if (schema.items) yield* schemas(schema.items, `${path}[]`);
}

describe.each(manifests.map((manifest) => [manifest.metadata.name, manifest] as const))('%s', (_, { spec }) => {
  it('stores the first of its versions and serves all', () => {
    expect(spec.versions.map(({ storage, served }) => [storage, served])).toEqual(
      spec.versions.map((_version, index) => [index === 0, true]),
    );
  });

  it('has structural schemas: every field has a type, and required fields are described', () => {
    for (const { name, schema } of spec.versions) {
      for (const [path, node] of schemas(schema.openAPIV3Schema, name)) {
        expect(node.type ?? node['x-kubernetes-int-or-string'], path).toBeTruthy();
        for (const required of node.required ?? [])
          expect(Object.keys(node.properties ?? {}), path).toContain(required);
      }
    }
  });
});

it('bounds every text, list and map that somebody may write', () => {
  const unbounded = manifests.flatMap(({ metadata, spec }) =>
    spec.versions.flatMap(({ name, schema }) =>
      [
        ...schemas((schema.openAPIV3Schema as Node).properties?.['spec'] as Node, `${metadata.name} ${name} spec`),
      ].flatMap(([path, node]) => {
        const { type, maxLength, maxItems, maxProperties, additionalProperties } = node;
        const isBounded =
          (type !== 'string' || maxLength !== undefined || node['enum'] !== undefined) &&
          (type !== 'array' || maxItems !== undefined) &&
          (additionalProperties === undefined || maxProperties !== undefined);
        return isBounded ? [] : [path];
      }),
    ),
  );
  expect(unbounded).toEqual([]);
});

it('brings the kinds that policy and profiles are written in', () => {
  expect(manifests.map(({ metadata, spec }) => [metadata.name, ...spec.versions.map(({ name }) => name)])).toEqual([
    ['servers.policy.linkerd.io', 'v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'],
    ['serverauthorizations.policy.linkerd.io', 'v1beta1', 'v1alpha1'],
    ['authorizationpolicies.policy.linkerd.io', 'v1alpha1'],
    ['meshtlsauthentications.policy.linkerd.io', 'v1alpha1'],
    ['networkauthentications.policy.linkerd.io', 'v1alpha1'],
    ['httproutes.policy.linkerd.io', 'v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'],
    ['egressnetworks.policy.linkerd.io', 'v1alpha1'],
    ['httplocalratelimitpolicies.policy.linkerd.io', 'v1alpha1'],
    ['requestauthentications.tulle.dev', 'v1alpha1'],
    ['faultinjections.tulle.dev', 'v1alpha1'],
    ['externalauthorizations.tulle.dev', 'v1alpha1'],
    ['serviceprofiles.linkerd.io', 'v1alpha2', 'v1alpha1'],
  ]);
});
