import type { Schema } from './schema.ts';

export interface CrdVersion {
  readonly name: string;
  readonly schema: Schema;
  /** Still served, with a warning. */
  readonly deprecated?: boolean;
  /** Whether controllers write the status apart from the specification. */
  readonly status?: boolean;
  readonly columns?: readonly { readonly name: string; readonly jsonPath: string; readonly description: string }[];
}

/** Everything that is said of a kind of the mesh: its definition, permissions and webhooks are made from it. */
export interface KindSpec {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  /** Whether the destination component reads the objects; without, they are accepted and do nothing yet. */
  readonly isRead?: boolean;
  /** Whether it tells in their status what became of them. */
  readonly writesStatus?: boolean;
  /** The first is stored, and stands first for `cdk8s import`, which names its class without a suffix. */
  readonly versions: readonly CrdVersion[];
}

/** The CustomResourceDefinition of a kind. Objects are namespaced; versions differ in fields only, so none converts. */
export function crdManifest({ group, kind, plural, shortNames, versions }: KindSpec, labels: Record<string, string>) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      scope: 'Namespaced',
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
        schema: {
          openAPIV3Schema: {
            ...schema,
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              ...(schema.properties as object),
            },
          },
        },
      })),
    },
  };
}
