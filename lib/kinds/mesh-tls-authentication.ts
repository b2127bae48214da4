import type { KindSpec } from './definition.ts';
import { kubernetesName, list, object, oneOf, text } from './schema.ts';

const dnsName = '(\\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** Clients by the identity that their certificate proves. */
export const meshTlsAuthentication: KindSpec = {
  group: 'policy.linkerd.io',
  kind: 'MeshTLSAuthentication',
  plural: 'meshtlsauthentications',
  shortNames: ['meshtlsauthn'],
  isRead: true,
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
