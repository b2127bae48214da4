import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { componentName } from '../contract/names.ts';
import { componentLabels } from './component.ts';
import type { MeshInstall } from './install.ts';

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export const watch = ['list', 'watch'] as const;

/** To make Secrets, which cannot be limited to names, and to read and replace those of these names alone. */
export const keepsSecrets = (resourceNames: readonly string[]): PolicyRule[] => [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames, verbs: ['get', 'update'] },
];

/** What a component may do: in the whole cluster, and in the mesh's own namespace. */
export function permissions(
  scope: Construct,
  component: string,
  rules: { readonly cluster: readonly PolicyRule[]; readonly namespace: readonly PolicyRule[] },
  install: MeshInstall,
): void {
  const { meshNamespace: namespace } = install.config;
  const labels = componentLabels(component, install);
  const subjects = [{ kind: 'ServiceAccount', name: componentName(component), namespace }];
  const apiGroup = 'rbac.authorization.k8s.io';
  const bind = (prefix: '' | 'Cluster', metadata: Record<string, unknown>, list: readonly PolicyRule[]) => {
    if (list.length === 0) return;
    const id = prefix === '' ? 'role' : 'cluster-role';
    new ApiObject(scope, id, { apiVersion: `${apiGroup}/v1`, kind: `${prefix}Role`, metadata, rules: list });
    new ApiObject(scope, `${id}-binding`, {
      apiVersion: `${apiGroup}/v1`,
      kind: `${prefix}RoleBinding`,
      metadata,
      roleRef: { apiGroup, kind: `${prefix}Role`, name: metadata.name },
      subjects,
    });
  };
  // Names in the cluster carry the namespace, so that two meshes can stand side by side.
  bind('Cluster', { name: `${namespace}-${componentName(component)}`, labels }, rules.cluster);
  bind('', { name: componentName(component), namespace, labels }, rules.namespace);
}
