import { Construct } from 'constructs';
import {
  anchorSecret,
  componentName,
  controlPlaneServices,
  issuerSecret,
  trustRootsConfigMap,
} from '../contract/names.ts';
import { meshPorts } from '../contract/ports.ts';
import { deployment, serviceAccount } from './component.ts';
import type { MeshInstall } from './install.ts';
import { type PolicyRule, permissions } from './rbac.ts';
import { service } from './service.ts';

/** Issues certificates to proxies: Deployment, Services and what it may do. */
export class IdentityComponent extends Construct {
  constructor(scope: Construct, id: string, install: MeshInstall) {
    super(scope, id);
    const name = 'identity';
    serviceAccount(this, name, install);
    permissions(
      this,
      name,
      {
        cluster: [
          { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
          { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
          // Every namespace is given the trust anchors, by server-side apply: that asks for `create` with a name.
          { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
          {
            apiGroups: [''],
            resources: ['configmaps'],
            resourceNames: [trustRootsConfigMap],
            verbs: ['list', 'create', 'patch'],
          },
        ],
        // A rule with names cannot allow a plain `create`, since the name is not known to the API server then.
        namespace: [
          ...secretRules(install),
          {
            apiGroups: [''],
            resources: ['configmaps'],
            resourceNames: [trustRootsConfigMap],
            verbs: ['get', 'update'],
          },
          { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
          {
            apiGroups: ['coordination.k8s.io'],
            resources: ['leases'],
            resourceNames: [componentName(name)],
            verbs: ['get', 'update'],
          },
        ],
      },
      install,
    );
    const ports = [{ name: 'grpc', port: meshPorts.identity }];
    service(this, name, { name: componentName(name), ports }, install);
    service(this, name, { name: controlPlaneServices.identity, headless: true, ports }, install);
    deployment(
      this,
      {
        name,
        settings: install.components.identity,
        args: [
          `--addr=0.0.0.0:${meshPorts.identity}`,
          `--admin-addr=0.0.0.0:${meshPorts.identityAdmin}`,
          '--kubernetes',
          `--trust-domain=${install.config.trustDomain}`,
          `--mesh-namespace=${install.config.meshNamespace}`,
          `--issuance-lifetime=${install.issuanceLifetime}`,
          `--clock-skew-allowance=${install.clockSkewAllowance}`,
          ...(install.trust === undefined ? [] : ['--issuer=given']),
        ],
        ports: [{ name: 'grpc', containerPort: meshPorts.identity }],
        adminPort: meshPorts.identityAdmin,
        kubeApi: true,
        controlPlane: { identity: `localhost.:${meshPorts.identity}` },
        // Its proxy can have no certificate before it runs itself, so neither may wait for the other.
        proxy: {
          nativeSidecar: false,
          await: false,
          additionalEnv: [{ name: 'LINKERD2_PROXY_INBOUND_PORTS_REQUIRE_TLS', value: `${meshPorts.identity}` }],
        },
      },
      install,
    );
  }
}

/** An issuer that is given is read, and no Secret is made or changed. */
function secretRules({ trust }: MeshInstall): PolicyRule[] {
  const rule = (resources: string[], verbs: string[], resourceNames?: string[]) => ({
    apiGroups: [''],
    resources,
    ...(resourceNames ? { resourceNames } : {}),
    verbs,
  });
  return trust === undefined
    ? [rule(['secrets', 'configmaps'], ['create']), rule(['secrets'], ['get', 'update'], [issuerSecret, anchorSecret])]
    : [rule(['configmaps'], ['create']), rule(['secrets'], ['get'], [issuerSecret])];
}
