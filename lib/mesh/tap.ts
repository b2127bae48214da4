import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { settingKey } from '../contract/annotations.ts';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { componentName, tapApiService, webhookSecretName, webhookServiceName } from '../contract/names.ts';
import { meshPorts } from '../contract/ports.ts';
import { componentLabels, deployment, serviceAccount } from './component.ts';
import type { MeshInstall } from './install.ts';
import { keepsSecrets, permissions, watch } from './rbac.ts';
import { service } from './service.ts';

const group = 'tap.linkerd.io';
const rbac = 'rbac.authorization.k8s.io';

/** The API of the cluster by which users look at requests as they pass sidecars: `tulle tap`. */
export class TapComponent extends Construct {
  constructor(scope: Construct, id: string, install: MeshInstall) {
    super(scope, id);
    const name = 'tap';
    const { meshNamespace } = install.config;
    serviceAccount(this, name, install);
    permissions(
      this,
      name,
      {
        cluster: [
          { apiGroups: [''], resources: ['pods'], verbs: watch },
          { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
          {
            apiGroups: ['apiregistration.k8s.io'],
            resources: ['apiservices'],
            resourceNames: [tapApiService],
            verbs: ['get', 'patch'],
          },
        ],
        namespace: keepsSecrets([webhookSecretName(name)]),
      },
      install,
    );
    this.readsApiServer(install);
    this.mayBeGiven(install);
    service(
      this,
      name,
      {
        name: webhookServiceName(name),
        ports: [{ name: 'https', port: 443, targetPort: meshPorts.tap }],
        annotations: { [settingKey('opaque-ports')]: '443' },
      },
      install,
    );
    deployment(
      this,
      {
        name,
        settings: install.components.tap,
        args: [
          `--addr=0.0.0.0:${meshPorts.tap}`,
          `--admin-addr=0.0.0.0:${meshPorts.tapAdmin}`,
          `--mesh-namespace=${meshNamespace}`,
        ],
        ports: [{ name: 'https', containerPort: meshPorts.tap }],
        adminPort: meshPorts.tapAdmin,
        webhookPorts: [meshPorts.tap],
        calledNetworks: install.config.clusterNetworks,
        kubeApi: true,
        proxy: { opaquePorts: [{ from: meshPorts.tap, to: meshPorts.tap }] },
      },
      install,
    );
    // The component writes the `caBundle`: an apply of the same manifest later leaves a field alone that it does not name.
    new ApiObject(this, 'api-service', {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: tapApiService, labels: componentLabels(name, install) },
      spec: {
        group,
        version: 'v1alpha1',
        groupPriorityMinimum: 1000,
        versionPriority: 100,
        service: { name: webhookServiceName(name), namespace: meshNamespace, port: 443 },
      },
    });
  }

  /** How API servers prove who they are, and name users: Kubernetes has the role for it. */
  private readsApiServer(install: MeshInstall): void {
    const { meshNamespace } = install.config;
    new ApiObject(this, 'auth-reader', {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: {
        name: `${meshNamespace}-${componentName('tap')}-auth-reader`,
        namespace: 'kube-system',
        labels: componentLabels('tap', install),
      },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'extension-apiserver-authentication-reader' },
      subjects: [{ kind: 'ServiceAccount', name: componentName('tap'), namespace: meshNamespace }],
    });
  }

  /**
   * For who is to tap, and beside it for who is to see bodies, too: bound to nobody, since what stands in requests is not for
   * all who may look at objects.
   */
  private mayBeGiven({ config: { meshNamespace } }: MeshInstall): void {
    const role = (id: string, name: string, rule: object) =>
      new ApiObject(this, id, {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRole',
        metadata: {
          name: `${meshNamespace}-${componentName(name)}`,
          labels: { [controlPlaneNamespaceLabel]: meshNamespace },
        },
        rules: [{ apiGroups: [group], ...rule }],
      });
    role('tap-role', 'tap-user', { resources: ['*'], verbs: ['watch'] });
    role('tap-bodies-role', 'tap-bodies-user', { resources: ['*/tap-bodies'], verbs: ['create'] });
  }
}
