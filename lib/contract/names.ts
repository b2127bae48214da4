/** Names of what the mesh makes: whoever writes one and whoever looks for it read it here. */

export const proxyContainerName = 'tulle-proxy';
export const initContainerName = 'tulle-init';
/** The port of a sidecar's container where it tells health and metrics. */
export const proxyAdminPortName = 'tulle-admin';
/** The sidecar of Linkerd, which speaks the same: with our label it is one of our mesh, as long as a move from there lasts. */
export const linkerdProxyContainerName = 'linkerd-proxy';
export const debugContainerName = 'tulle-debug';

/** Containers and init containers that mean "this pod has a sidecar of a mesh already". */
export const foreignSidecars: ReadonlySet<string> = new Set([
  proxyContainerName,
  initContainerName,
  linkerdProxyContainerName,
  'linkerd-init',
  'linkerd-network-validator',
  'istio-proxy',
  'istio-init',
]);

/** The ConfigMap of the install's values (key `values`) and of what `upgrade` goes on from (key `install`). */
export const meshConfigMap = 'tulle-config';

/** Secrets of the mesh's namespace that the identity component makes when nobody has made them before. */
export const issuerSecret = 'tulle-identity-issuer';
export const anchorSecret = 'tulle-identity-trust-anchor';
/** The ConfigMap with the certificates that identities are checked against, in every namespace. */
export const trustRootsConfigMap = 'tulle-identity-trust-roots';

/** The Lease of the replica that writes the status of objects, in the mesh's namespace. */
export const statusLease = 'tulle-policy-write';

export const identityVolumeName = 'tulle-identity-end-entity';
export const tokenVolumeName = 'tulle-identity-token';
export const xtablesVolumeName = 'tulle-proxy-init-xtables-lock';

/** Namespaces of the cluster itself, whose pods get no sidecar, and so no certificates to trust. */
export const systemNamespaces: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease'];

/** The namespace whose EgressNetworks hold for all others, unless the mesh is told of another. */
export const defaultEgressNamespace = 'tulle-egress';

/** Audience of the token that a proxy shows to the identity component (linkerd2 pkg/identity). */
export const identityAudience = 'identity.l5d.io';

/** Deployment, ServiceAccount and, where it has one, Service of a component: `tulle-identity`. */
export const componentName = (component: string): string => `tulle-${component}`;

/** The headless Services where proxies find the control plane: they balance over the replicas themselves. */
export const controlPlaneServices = {
  identity: 'tulle-identity-headless',
  destination: 'tulle-dst-headless',
  policy: 'tulle-policy',
} as const;

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
/** The API of the tap component, which is Linkerd's: one for a cluster. */
export const tapApiService = 'v1alpha1.tap.linkerd.io';

/** The Service that the API server dials, in the mesh's namespace. */
export const webhookServiceName = (webhook: string): string => `tulle-${webhook}`;
/** The Secret with the certificate of its server. */
export const webhookSecretName = (webhook: string): string => `tulle-${webhook}-k8s-tls`;

/** Of nodes, and of pods (Kubernetes, well-known labels). */
export const zoneLabel = 'topology.kubernetes.io/zone';
