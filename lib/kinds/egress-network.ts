import type { UnreadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { condition, list, type NetworkMatch, network, object, oneOf } from './schema.ts';

export interface EgressNetwork extends KubernetesObject {
  readonly kind: 'EgressNetwork';
  readonly spec: { readonly trafficPolicy: 'Allow' | 'Deny'; readonly networks?: readonly NetworkMatch[] };
}

/** Networks outside of the cluster, and whether calls may go there. */
export const egressNetwork: UnreadKind<EgressNetwork> = {
  group: 'policy.linkerd.io',
  kind: 'EgressNetwork',
  plural: 'egressnetworks',
  scope: 'Namespaced',
  versions: [
    {
      name: 'v1alpha1',
      status: true,
      schema: object({
        'spec*': object({
          'trafficPolicy*': oneOf('Allow', 'Deny'),
          networks: list(network, { minItems: 1, description: 'Everything outside of the cluster when left out.' }),
        }),
        status: object({ conditions: list(condition) }),
      }),
    },
  ],
};
