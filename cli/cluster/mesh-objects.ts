import type { KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import { componentLabel, controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import { trustRootsConfigMap } from '../../lib/contract/names.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import { listAll } from './objects.ts';

/** A kind that an install brings objects of. */
interface MeshKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

const admission = 'admissionregistration.k8s.io/v1';
const rbac = 'rbac.authorization.k8s.io/v1';

/** In the order of their deletion: webhooks first, so that none is asked which nobody answers; kinds last. */
const clusterKinds: readonly MeshKind[] = [
  { apiVersion: admission, kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations' },
  { apiVersion: admission, kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations' },
  { apiVersion: rbac, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings' },
  { apiVersion: rbac, kind: 'ClusterRole', plural: 'clusterroles' },
  { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces' },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions' },
];

const componentKinds: readonly MeshKind[] = [
  { apiVersion: rbac, kind: 'RoleBinding', plural: 'rolebindings' },
  { apiVersion: rbac, kind: 'Role', plural: 'roles' },
  { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets' },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', plural: 'networkpolicies' },
  { apiVersion: 'v1', kind: 'Service', plural: 'services' },
  { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
];

const collection = ({ apiVersion, plural }: MeshKind): string =>
  `${apiVersion.includes('/') ? '/apis' : '/api'}/${apiVersion}/${plural}`;

/** Objects of the whole cluster that belong to the mesh of `meshNamespace`, its namespace among them. */
export async function clusterObjects(api: Pick<KubernetesApi, 'get'>, meshNamespace: string): Promise<Manifest[]> {
  const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace}`;
  return listKinds(api, clusterKinds, { labelSelector });
}

/** Objects of components, in any namespace. What components make themselves is not among them. */
export async function componentObjects(api: Pick<KubernetesApi, 'get'>, meshNamespace: string): Promise<Manifest[]> {
  const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace},${componentLabel}`;
  return listKinds(api, componentKinds, { labelSelector });
}

/**
 * What of the mesh is outside of its own namespace and of no use without it: roles of components elsewhere, and the trust
 * anchors that the identity component writes for sidecars.
 */
export async function scatteredObjects(api: Pick<KubernetesApi, 'get'>, meshNamespace: string): Promise<Manifest[]> {
  const anchors = await listKinds(api, [{ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' }], {
    fieldSelector: `metadata.name=${trustRootsConfigMap}`,
    labelSelector: `${controlPlaneNamespaceLabel}=${meshNamespace}`,
  });
  const roles = await componentObjects(api, meshNamespace);
  return [...roles, ...anchors].filter(({ metadata }) => metadata?.namespace !== meshNamespace);
}

async function listKinds(
  api: Pick<KubernetesApi, 'get'>,
  kinds: readonly MeshKind[],
  query: Readonly<Record<string, string>>,
): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (const kind of kinds) {
    const { apiVersion } = kind;
    for (const { metadata } of await listAll(api, collection(kind), query)) {
      found.push({ apiVersion, kind: kind.kind, metadata: { name: metadata.name, namespace: metadata.namespace } });
    }
  }
  return found;
}

/** `ClusterRole tulle-tulle-identity`, the same for an object and its reference. */
export const objectTitle = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata?.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata?.name}`;
