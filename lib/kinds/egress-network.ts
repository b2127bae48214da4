import type { KindSpec } from './definition.ts';
import { condition, list, network, object, oneOf } from './schema.ts';

/** Networks outside of the cluster, and whether calls may go there. */
export const egressNetwork: KindSpec = {
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
