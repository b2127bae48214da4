import { Construct } from 'constructs';
import { trustRootsConfigMap } from '../inject/proxy-env.ts';
import { deployment, serviceAccount } from './component.ts';
import type { MeshInstall } from './mesh-props.ts';
import { permissions } from './rbac.ts';
import { service } from './service.ts';

const anchorsDir = '/var/run/tulle/trust-anchors';
const issuerDir = '/var/run/tulle/issuer';

/** Secrets that the component makes at its first start when nobody has made them before. */
export const issuerSecret = 'tulle-identity-issuer';
const anchorSecret = 'tulle-identity-trust-anchor';

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
        ],
        // A rule with names cannot allow `create`, since the name is not known to the API server then.
        namespace: [
          { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['create'] },
          {
            apiGroups: [''],
            resources: ['secrets'],
            resourceNames: [issuerSecret, anchorSecret],
            verbs: ['get', 'update', 'patch'],
          },
          {
            apiGroups: [''],
            resources: ['configmaps'],
            resourceNames: [trustRootsConfigMap],
            verbs: ['get', 'update', 'patch'],
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
          `--trust-anchors-file=${anchorsDir}/ca-bundle.crt`,
          `--issuer-cert-file=${issuerDir}/tls.crt`,
          `--issuer-key-file=${issuerDir}/tls.key`,
          `--trust-domain=${install.config.trustDomain}`,
          `--mesh-namespace=${install.config.meshNamespace}`,
          `--issuance-lifetime=${install.issuanceLifetime}`,
          `--clock-skew-allowance=${install.clockSkewAllowance}`,
        ],
        ports: [{ name: 'grpc', containerPort: 8080 }],
        adminPort: 9990,
        kubeApi: true,
        // Optional: at the first start neither is there, and this component is the one to make them.
        volumes: [
          { name: 'trust-anchors', mountPath: anchorsDir, configMap: { name: trustRootsConfigMap, optional: true } },
          { name: 'issuer', mountPath: issuerDir, secret: { secretName: issuerSecret, optional: true } },
        ],
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
