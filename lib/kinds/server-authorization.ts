import type { LabelSelector } from '../contract/labels.ts';
import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { flag, kubernetesName, labelSelector, list, type NetworkMatch, network, object, text } from './schema.ts';

export interface ServerAuthorization extends KubernetesObject {
  readonly kind: 'ServerAuthorization';
  readonly spec: {
    readonly server: { readonly name?: string; readonly selector?: LabelSelector };
    readonly client: {
      readonly networks?: readonly NetworkMatch[];
      readonly unauthenticated?: boolean;
      readonly meshTLS?: {
        readonly unauthenticatedTLS?: boolean;
        readonly identities?: readonly string[];
        readonly serviceAccounts?: readonly { readonly name: string; readonly namespace?: string }[];
      };
    };
  };
}

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
export const serverAuthorization: ReadKind<ServerAuthorization> = {
  group: 'policy.linkerd.io',
  kind: 'ServerAuthorization',
  plural: 'serverauthorizations',
  scope: 'Namespaced',
  shortNames: ['saz', 'serverauthz', 'srvauthz'],
  reads: { versions: ['v1beta1'], keep: { spec: 'any' } },
  versions: [
    { name: 'v1beta1', schema: object({ 'spec*': serverAuthorizationSpec }) },
    { name: 'v1alpha1', schema: object({ 'spec*': serverAuthorizationSpec }), deprecated: true },
  ],
};
