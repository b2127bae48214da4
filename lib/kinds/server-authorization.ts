import type { KindSpec } from './definition.ts';
import { flag, kubernetesName, labelSelector, list, network, object, text } from './schema.ts';

const serverAuthorizationSpec = object({
  'server*': object(
    { name: kubernetesName, selector: labelSelector },
    { oneOf: [{ required: ['name'] }, { required: ['selector'] }] },
  ),
  'client*': object({
    networks: list(network),
    unauthenticated: flag({ description: 'Clients without certificate too.' }),
    meshTLS: object({
      unauthenticatedTLS: flag({ description: 'Meshed clients whose identity is not known.' }),
      identities: list(text({ minLength: 1 })),
      serviceAccounts: list(object({ 'name*': kubernetesName, namespace: kubernetesName })),
    }),
  }),
});

/** Who may call a Server. The older way; AuthorizationPolicy says more. */
export const serverAuthorization: KindSpec = {
  group: 'policy.linkerd.io',
  kind: 'ServerAuthorization',
  plural: 'serverauthorizations',
  shortNames: ['saz', 'serverauthz', 'srvauthz'],
  isRead: true,
  versions: [
    { name: 'v1beta1', schema: object({ 'spec*': serverAuthorizationSpec }) },
    { name: 'v1alpha1', schema: object({ 'spec*': serverAuthorizationSpec }), deprecated: true },
  ],
};
