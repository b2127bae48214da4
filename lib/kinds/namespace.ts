import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

export interface Namespace extends KubernetesObject {
  readonly kind: 'Namespace';
}

/** Its annotations are defaults of the workloads in it. */
export const namespace: ReadKind<Namespace> = {
  group: '',
  kind: 'Namespace',
  plural: 'namespaces',
  scope: 'Cluster',
  builtIn: true,
  versions: [],
  reads: { versions: ['v1'], keep: {} },
};
