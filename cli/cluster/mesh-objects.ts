import { type ApiError, isNotFound, type KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import { componentLabel, controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import { trustRootsConfigMap } from '../../lib/contract/names.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import { listAll } from './objects.ts';
import { isRefused } from './refusal.ts';

/** A kind that an install brings objects of. */
interface MeshKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

const admission = 'admissionregistration.k8s.io/v1';
const rbac = 'rbac.authorization.k8s.io/v1';

/** In the order of their deletion: what the API server calls first, so that none is asked which nobody answers; kinds last. */
const clusterKinds: readonly MeshKind[] = [
  { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', plural: 'apiservices' },
  { apiVersion: admission, kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations' },
  { apiVersion: admission, kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations' },
  { apiVersion: admission, kind: 'ValidatingAdmissionPolicyBinding', plural: 'validatingadmissionpolicybindings' },
  { apiVersion: admission, kind: 'ValidatingAdmissionPolicy', plural: 'validatingadmissionpolicies' },
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

/** Told of each collection that this user may not list; without it, the first ends the listing. */
type OnRefused = (error: ApiError) => void;

/** Objects of the whole cluster that belong to the mesh of `meshNamespace`, its namespace among them. */
export async function clusterObjects(
  api: Pick<KubernetesApi, 'get'>,
  meshNamespace: string,
  onRefused?: OnRefused,
): Promise<Manifest[]> {
  const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace}`;
  return listKinds(api, clusterKinds, { labelSelector }, onRefused);
}

/** Objects of components, in any namespace. What components make themselves is not among them. */
export async function componentObjects(
  api: Pick<KubernetesApi, 'get'>,
  meshNamespace: string,
  onRefused?: OnRefused,
): Promise<Manifest[]> {
  const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace},${componentLabel}`;
  return listKinds(api, componentKinds, { labelSelector }, onRefused);
}

/**
 * What of the mesh is outside of its own namespace and of no use without it: roles of components elsewhere, and the trust
 * anchors that the identity component writes for sidecars.
 */
export async function scatteredObjects(
  api: Pick<KubernetesApi, 'get'>,
  meshNamespace: string,
  onRefused?: OnRefused,
): Promise<Manifest[]> {
  const query = {
    fieldSelector: `metadata.name=${trustRootsConfigMap}`,
    labelSelector: `${controlPlaneNamespaceLabel}=${meshNamespace}`,
  };
  const configMaps = [{ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' }];
  const anchors = await listKinds(api, configMaps, query, onRefused);
  const roles = await componentObjects(api, meshNamespace, onRefused);
  return [...roles, ...anchors].filter(({ metadata }) => metadata?.namespace !== meshNamespace);
}

async function listKinds(
  api: Pick<KubernetesApi, 'get'>,
  kinds: readonly MeshKind[],
  query: Readonly<Record<string, string>>,
  onRefused: OnRefused | undefined,
): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (const kind of kinds) {
    const { apiVersion } = kind;
    const objects = await listAll(api, collection(kind), query).catch((error: unknown) => {
      // A cluster may be older than a kind.
      if (isNotFound(error)) return [];
      if (onRefused === undefined || !isRefused(error)) throw error;
      onRefused(error);
      return [];
    });
    for (const { metadata } of objects) {
      found.push({ apiVersion, kind: kind.kind, metadata: { name: metadata.name, namespace: metadata.namespace } });
    }
  }
  return found;
}

/** `ClusterRole tulle-tulle-identity`, the same for an object and its reference. */
export const objectTitle = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata?.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata?.name}`;
