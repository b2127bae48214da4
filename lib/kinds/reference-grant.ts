import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { list, object, text } from './schema.ts';

export interface ReferenceGrant extends KubernetesObject {
  readonly kind: 'ReferenceGrant';
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    /** A `name` of none, or of no characters, is every object of the kind. */
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
  };
}

/** The ReferenceGrant of the Gateway API: which objects of other namespaces may name those of its own. */
export const referenceGrant: ReadKind<ReferenceGrant> = {
  group: 'gateway.networking.k8s.io',
  kind: 'ReferenceGrant',
  plural: 'referencegrants',
  scope: 'Namespaced',
  versions: [],
  shape: object({
    'spec*': object({
      'from*': list(object({ 'group*': text(), 'kind*': text(), 'namespace*': text() })),
      'to*': list(object({ 'group*': text(), 'kind*': text(), name: text() })),
    }),
  }),
  reads: { versions: ['v1', 'v1beta1'], keep: { spec: 'any' } },
};
