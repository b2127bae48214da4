import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { list, type NetworkMatch, network, object } from './schema.ts';

export interface NetworkAuthentication extends KubernetesObject {
  readonly kind: 'NetworkAuthentication';
  readonly spec: { readonly networks: readonly NetworkMatch[] };
}

/** Clients by the network that they call from. */
export const networkAuthentication: ReadKind<NetworkAuthentication> = {
  group: 'policy.linkerd.io',
  kind: 'NetworkAuthentication',
  plural: 'networkauthentications',
  scope: 'Namespaced',
  shortNames: ['netauthn', 'networkauthn'],
  reads: { versions: ['v1alpha1'], keep: { spec: 'any' } },
  versions: [
    { name: 'v1alpha1', schema: object({ 'spec*': object({ 'networks*': list(network, { minItems: 1 }) }) }) },
  ],
};
