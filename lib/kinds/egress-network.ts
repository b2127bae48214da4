import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { RouteCondition } from './route-object.ts';
import { condition, list, type NetworkMatch, network, object, oneOf } from './schema.ts';

export interface EgressNetwork extends KubernetesObject {
  readonly kind: 'EgressNetwork';
  readonly spec: { readonly trafficPolicy: 'Allow' | 'Deny'; readonly networks?: readonly NetworkMatch[] };
  readonly status?: { readonly conditions?: readonly RouteCondition[] };
}

/** Networks outside of the cluster, and whether calls may go there. */
export const egressNetwork: ReadKind<EgressNetwork> = {
  group: 'policy.linkerd.io',
  kind: 'EgressNetwork',
  plural: 'egressnetworks',
  scope: 'Namespaced',
  reads: { versions: ['v1alpha1'], keep: { spec: 'any', status: 'any' } },
  writesStatus: true,
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
