import type { Crd } from './definition.ts';
import { condition, integer, kubernetesName, list, network, object, oneOf, reference, text } from './schema.ts';

const group = 'policy.linkerd.io';

/** Who may call a Server, a route or a whole namespace. */
export const authorizationPolicy: Crd = {
  group,
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['authzpolicy'],
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

const dnsName = '(\\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** Clients by the identity that their certificate proves. */
export const meshTlsAuthentication: Crd = {
  group,
  kind: 'MeshTLSAuthentication',
  plural: 'meshtlsauthentications',
  shortNames: ['meshtlsauthn'],
  versions: [
    {
      name: 'v1alpha1',
      schema: object({
        'spec*': object(
          {
            identities: list(text({ pattern: `^(${dnsName}|spiffe://.+)$` }), {
              minItems: 1,
              description: 'Names, of which the first label may be *, or SPIFFE ids.',
            }),
            identityRefs: list(
              object({
                group: text({ maxLength: 253 }),
                'kind*': oneOf('ServiceAccount', 'Namespace'),
                name: kubernetesName,
                namespace: kubernetesName,
              }),
              { minItems: 1 },
            ),
          },
          { oneOf: [{ required: ['identities'] }, { required: ['identityRefs'] }] },
        ),
      }),
    },
  ],
};

/** Clients by the network that they call from. */
export const networkAuthentication: Crd = {
  group,
  kind: 'NetworkAuthentication',
  plural: 'networkauthentications',
  shortNames: ['netauthn', 'networkauthn'],
  versions: [
    { name: 'v1alpha1', schema: object({ 'spec*': object({ 'networks*': list(network, { minItems: 1 }) }) }) },
  ],
};

const requestsPerSecond = object({ 'requestsPerSecond*': integer(1, 2_147_483_647) });

/** How many requests a Server takes from all, from each identity, and from some. Counted by each proxy for itself. */
export const httpLocalRateLimitPolicy: Crd = {
  group,
  kind: 'HTTPLocalRateLimitPolicy',
  plural: 'httplocalratelimitpolicies',
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

/** Networks outside of the cluster, and whether calls may go there. */
export const egressNetwork: Crd = {
  group,
  kind: 'EgressNetwork',
  plural: 'egressnetworks',
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
