import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { componentName } from '../contract/names.ts';
import { groupsOf, meshKinds, resourcesOf } from '../kinds/index.ts';
import type { MeshInstall } from './install.ts';
import { watch } from './rbac.ts';

const read = ['get', ...watch];
const write = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/**
 * Lets those who may change a namespace's workloads change the mesh's objects there too, and those who may look at them
 * look: Kubernetes adds these roles to its own `admin`, `edit` and `view`.
 */
export class UserRoles extends Construct {
  constructor(scope: Construct, id: string, { config }: MeshInstall) {
    super(scope, id);
    const rules = (verbs: string[]) =>
      groupsOf(meshKinds).map((group) => ({ apiGroups: [group], resources: resourcesOf(group), verbs }));
    const role = (name: string, aggregateTo: string[], verbs: string[]) =>
      new ApiObject(this, name, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: {
          name: `${config.meshNamespace}-${componentName(name)}`,
          labels: {
            [controlPlaneNamespaceLabel]: config.meshNamespace,
            ...Object.fromEntries(aggregateTo.map((own) => [`rbac.authorization.k8s.io/aggregate-to-${own}`, 'true'])),
          },
        },
        rules: rules(verbs),
      });
    role('edit', ['admin', 'edit'], write);
    role('view', ['admin', 'edit', 'view'], read);
  }
}
