import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

export interface Node extends KubernetesObject {
  readonly kind: 'Node';
  readonly spec?: { readonly podCIDRs?: readonly string[] };
  readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
}

/** Its zone decides which endpoints are near; its addresses are those that probes come from. */
export const node: ReadKind<Node> = {
  group: '',
  kind: 'Node',
  plural: 'nodes',
  scope: 'Cluster',
  builtIn: true,
  versions: [],
  reads: {
    versions: ['v1'],
    keep: { spec: { podCIDRs: 'texts' }, status: { addresses: [{ type: 'shared', address: 'text' }] } },
  },
};
