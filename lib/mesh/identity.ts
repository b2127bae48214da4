import { Construct } from 'constructs';
import { anchorSecret, issuerSecret } from '../inject/names.ts';
import { trustRootsConfigMap } from '../inject/proxy-env.ts';
import { componentName, deployment, serviceAccount } from './component.ts';
import type { MeshInstall } from './mesh-props.ts';
import { permissions } from './rbac.ts';
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
          { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['create'] },
          {
            apiGroups: [''],
            resources: ['secrets'],
            resourceNames: [issuerSecret, anchorSecret],
            verbs: ['get', 'update'],
          },
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
    const ports = [{ name: 'grpc', port: 8080 }];
    service(this, name, { name: 'tulle-identity', ports }, install);
    service(this, name, { name: 'tulle-identity-headless', headless: true, ports }, install);
    deployment(
      this,
      {
        name,
        args: [
          '--addr=0.0.0.0:8080',
          '--admin-addr=0.0.0.0:9990',
          '--kubernetes',
          `--trust-domain=${install.config.trustDomain}`,
          `--mesh-namespace=${install.config.meshNamespace}`,
          `--issuance-lifetime=${install.issuanceLifetime}`,
          `--clock-skew-allowance=${install.clockSkewAllowance}`,
        ],
        ports: [{ name: 'grpc', containerPort: 8080 }],
        adminPort: 9990,
        kubeApi: true,
        controlPlane: { identity: 'localhost.:8080' },
        // Its proxy can have no certificate before it runs itself, so neither may wait for the other.
        proxy: {
          nativeSidecar: false,
          await: false,
          additionalEnv: [{ name: 'LINKERD2_PROXY_INBOUND_PORTS_REQUIRE_TLS', value: '8080' }],
        },
      },
      install,
    );
  }
}
