import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { kubernetesName, list, type ObjectRef, object, oneOf, says, text } from './schema.ts';

export interface MeshTlsAuthentication extends KubernetesObject {
  readonly kind: 'MeshTLSAuthentication';
  readonly spec: { readonly identities?: readonly string[]; readonly identityRefs?: readonly ObjectRef[] };
}

const dnsName = '(\\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** Clients by the identity that their certificate proves. */
export const meshTlsAuthentication: ReadKind<MeshTlsAuthentication> = {
  group: 'policy.linkerd.io',
  kind: 'MeshTLSAuthentication',
  plural: 'meshtlsauthentications',
  scope: 'Namespaced',
  shortNames: ['meshtlsauthn'],
  reads: { versions: ['v1alpha1'], keep: { spec: 'any' } },
  versions: [
    {
      name: 'v1alpha1',
      schema: object({
        'spec*': object(
          {
            identities: list(
              text({
                maxLength: 2048,
                pattern: `^(${dnsName}|spiffe://.+)$`,
                [says]: "must be a DNS-like name, '*', '*.' and a name, or a SPIFFE ID",
              }),
              {
                minItems: 1,
                description: 'Names, of which the first label may be *, or SPIFFE ids.',
              },
            ),
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
