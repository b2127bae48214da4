import type { KindSpec } from './definition.ts';
import { kubernetesName, list, object, reference } from './schema.ts';

/** Who may call a Server, a route or a whole namespace. */
export const authorizationPolicy: KindSpec = {
  group: 'policy.linkerd.io',
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['authzpolicy'],
  isRead: true,
  versions: [
    {
      name: 'v1alpha1',
      schema: object({
        'spec*': object({
          'targetRef*': reference(),
          'requiredAuthenticationRefs*': list(reference({ namespace: kubernetesName }), {
            description: 'All of these must hold; none at all lets everyone in.',
          }),
        }),
      }),
    },
  ],
};
