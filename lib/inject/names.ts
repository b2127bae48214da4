/** Names that injection writes and that the control plane, the CLI and other tools look for. */

export const proxyContainerName = 'tulle-proxy';
export const initContainerName = 'tulle-init';
export const debugContainerName = 'tulle-debug';

/** Containers and init containers that mean "this pod has a sidecar of a mesh already". */
export const foreignSidecars: ReadonlySet<string> = new Set([
  proxyContainerName,
  initContainerName,
  'linkerd-proxy',
  'linkerd-init',
  'linkerd-network-validator',
  'istio-proxy',
  'istio-init',
]);

/** Secrets of the mesh's namespace that the identity component makes when nobody has made them before. */
export const issuerSecret = 'tulle-identity-issuer';
export const anchorSecret = 'tulle-identity-trust-anchor';

/** The Lease of the replica that writes the status of routes, in the mesh's namespace. */
export const statusLease = 'tulle-policy-write';

export const identityVolumeName = 'tulle-identity-end-entity';
export const tokenVolumeName = 'tulle-identity-token';
export const xtablesVolumeName = 'tulle-proxy-init-xtables-lock';

export const injectAnnotation = 'tulle.dev/inject';
export const linkerdInjectAnnotation = 'linkerd.io/inject';
/** Prefixes of settings; where both name one setting on one object, the first wins. */
export const settingPrefixes = ['config.tulle.dev/', 'config.linkerd.io/'] as const;
/** Only the setting `proxy-wait-before-exit-seconds` stands here too, as in Linkerd. */
export const alphaSettingPrefix = 'config.alpha.linkerd.io/';

export const controlPlaneNamespaceLabel = 'linkerd.io/control-plane-ns';
export const workloadNamespaceLabel = 'linkerd.io/workload-ns';
export const ownerLabelPrefix = 'linkerd.io/proxy-';
export const createdByAnnotation = 'linkerd.io/created-by';
export const proxyVersionAnnotation = 'linkerd.io/proxy-version';

/** Audience of the token that a proxy shows to the identity component (linkerd2 pkg/identity). */
export const identityAudience = 'identity.l5d.io';

/** `<service account>.<namespace>.serviceaccount.identity.<mesh namespace>.<trust domain>` */
export function identityName(
  serviceAccount: string,
  namespace: string,
  mesh: { readonly meshNamespace: string; readonly trustDomain: string },
): string {
  return `${serviceAccount}.${namespace}.serviceaccount.identity.${mesh.meshNamespace}.${mesh.trustDomain}`;
}

/** Of a webhook's configuration. Cluster-scoped, so it carries the namespace: two meshes can stand side by side. */
export const webhookConfigurationName = (webhook: string, meshNamespace: string): string =>
  `${meshNamespace}-tulle-${webhook}-webhook-config`;
/** The Service that the API server dials, in the mesh's namespace. */
export const webhookServiceName = (webhook: string): string => `tulle-${webhook}`;
/** The Secret with the certificate of its server. */
export const webhookSecretName = (webhook: string): string => `tulle-${webhook}-k8s-tls`;
