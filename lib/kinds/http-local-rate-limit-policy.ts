import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { RouteCondition } from './route-object.ts';
import { condition, integer, kubernetesName, list, type ObjectRef, object, reference } from './schema.ts';

interface Limit {
  readonly requestsPerSecond: number;
}

/** What became of one: `Accepted`, or why not. */
export interface RateLimitStatus {
  readonly conditions?: readonly RouteCondition[];
  readonly targetRef?: ObjectRef;
}

export interface HttpLocalRateLimitPolicy extends KubernetesObject {
  readonly kind: 'HTTPLocalRateLimitPolicy';
  readonly spec: {
    readonly targetRef: ObjectRef;
    readonly total?: Limit;
    readonly identity?: Limit;
    readonly overrides?: readonly (Limit & { readonly clientRefs: readonly ObjectRef[] })[];
  };
  readonly status?: RateLimitStatus;
}

const requestsPerSecond = object({ 'requestsPerSecond*': integer(1, 2_147_483_647) });

/** How many requests a Server takes from all, from each identity, and from some. Counted by each proxy for itself. */
export const httpLocalRateLimitPolicy: ReadKind<HttpLocalRateLimitPolicy> = {
  group: 'policy.linkerd.io',
  kind: 'HTTPLocalRateLimitPolicy',
  plural: 'httplocalratelimitpolicies',
  scope: 'Namespaced',
  reads: { versions: ['v1alpha1'], keep: { spec: 'any', status: 'any' } },
  writesStatus: true,
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
