import type { KindSpec } from './definition.ts';
import { list, network, object } from './schema.ts';

/** Clients by the network that they call from. */
export const networkAuthentication: KindSpec = {
  group: 'policy.linkerd.io',
  kind: 'NetworkAuthentication',
  plural: 'networkauthentications',
  shortNames: ['netauthn', 'networkauthn'],
  isRead: true,
  versions: [
    { name: 'v1alpha1', schema: object({ 'spec*': object({ 'networks*': list(network, { minItems: 1 }) }) }) },
  ],
};
