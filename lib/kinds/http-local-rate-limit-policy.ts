import type { KindSpec } from './definition.ts';
import { condition, integer, kubernetesName, list, object, reference } from './schema.ts';

const requestsPerSecond = object({ 'requestsPerSecond*': integer(1, 2_147_483_647) });

/** How many requests a Server takes from all, from each identity, and from some. Counted by each proxy for itself. */
export const httpLocalRateLimitPolicy: KindSpec = {
  group: 'policy.linkerd.io',
  kind: 'HTTPLocalRateLimitPolicy',
  plural: 'httplocalratelimitpolicies',
  scope: 'Namespaced',
  versions: [
    {
      name: 'v1alpha1',
      status: true,
      schema: object({
        'spec*': object({
          'targetRef*': reference(),
          total: requestsPerSecond,
          identity: requestsPerSecond,
          overrides: list(
            object({
              'requestsPerSecond*': integer(1, 2_147_483_647),
              'clientRefs*': list(reference({ namespace: kubernetesName })),
            }),
          ),
        }),
        status: object({ conditions: list(condition), targetRef: reference() }),
      }),
    },
  ],
};
