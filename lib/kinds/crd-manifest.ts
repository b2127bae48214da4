import type { KindSpec } from './definition.ts';
import type { Schema } from './schema.ts';

/** The CustomResourceDefinition of a kind. Versions differ in fields only, so none converts. */
export function crdManifest(
  { group, kind, plural, scope, shortNames, versions }: KindSpec,
  labels: Record<string, string>,
) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames ? { shortNames: [...shortNames] } : {}),
      },
      versions: versions.map(({ name, schema, deprecated, status, columns }, index) => ({
        name,
        served: true,
        storage: index === 0,
        ...(deprecated
          ? { deprecated, deprecationWarning: `${group}/${name} ${kind} is deprecated; use ${versions[0].name}` }
          : {}),
        ...(status ? { subresources: { status: {} } } : {}),
        ...(columns ? { additionalPrinterColumns: columns.map((column) => ({ ...column, type: 'string' })) } : {}),
        schema: { openAPIV3Schema: wholeObject(schema) },
      })),
    },
  };
}

const wholeObject = (schema: Schema): Schema => ({
  ...schema,
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    ...(schema['properties'] as object),
  },
});
