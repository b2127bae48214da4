import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { kubernetesName, list, type ObjectRef, object, reference } from './schema.ts';

export interface AuthorizationPolicy extends KubernetesObject {
  readonly kind: 'AuthorizationPolicy';
  readonly spec: {
    readonly targetRef: ObjectRef;
    readonly requiredAuthenticationRefs: readonly ObjectRef[];
  };
}

/** Who may call a Server, a route or a whole namespace. */
export const authorizationPolicy: ReadKind<AuthorizationPolicy> = {
  group: 'policy.linkerd.io',
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  scope: 'Namespaced',
  shortNames: ['authzpolicy'],
  reads: { versions: ['v1alpha1'], keep: { spec: 'any' } },
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
