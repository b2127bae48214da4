import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { injectAnnotation } from '../contract/annotations.ts';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { crdManifest, meshKinds } from '../kinds/index.ts';
import { checkProps } from '../props/check-props.ts';
import { reviewApp } from '../workload/review.ts';
import { CertManagerObjects } from './cert-manager.ts';
import { withoutChartNamespace } from './cluster-wide.ts';
import { ConfigComponent } from './config-map.ts';
import { DestinationComponent } from './destination.ts';
import { IdentityComponent } from './identity.ts';
import { type MeshInstall, meshInstall } from './install.ts';
import { registerInstallation } from './installation.ts';
import type { MeshProps } from './mesh-props.ts';
import { meshShape } from './mesh-shape.ts';
import { PermissionGuards } from './permission-guards.ts';
import { ProxyInjectorComponent } from './proxy-injector.ts';
import { TapComponent } from './tap.ts';
import { UserRoles } from './user-roles.ts';

/**
 * The whole install of the mesh: its namespace, the kinds it brings, and the control plane with all that it needs.
 *
 * ```ts
 * new Mesh(new Chart(app, 'tulle'), 'mesh', { highAvailability: true });
 * ```
 *
 * No certificate or key is made here: the identity component makes them when it first starts, or takes yours from the
 * Secret `tulle-identity-issuer` and the ConfigMap `tulle-identity-trust-roots`. So the manifests can go to git.
 */
export class Mesh extends Construct {
  /** Namespace of the control plane. */
  readonly namespace: string;
  /** Domain that identities end with. */
  readonly trustDomain: string;

  constructor(scope: Construct, id: string, props: MeshProps = {}) {
    checkProps(meshShape, props, { scope, id });
    super(scope, id);
    const install = meshInstall(props);
    this.namespace = install.config.meshNamespace;
    this.trustDomain = install.config.trustDomain;
    registerInstallation(this, install.config);
    if (install.config.linkerd2 !== undefined) reviewApp(this);

    this.addNamespace();
    if (install.crds) this.addCrds();
    this.addControlPlane(install);
    withoutChartNamespace(this);
  }

  private addNamespace(): void {
    new ApiObject(this, 'namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: this.namespace,
        annotations: { [injectAnnotation]: 'disabled' },
        labels: {
          'linkerd.io/is-control-plane': 'true',
          'config.tulle.dev/admission-webhooks': 'disabled',
          'config.linkerd.io/admission-webhooks': 'disabled',
          [controlPlaneNamespaceLabel]: this.namespace,
          // The init containers of the control plane's own sidecars set up iptables.
          'pod-security.kubernetes.io/enforce': 'privileged',
        },
      },
    });
  }

  private addCrds(): void {
    for (const kind of meshKinds) {
      new ApiObject(this, `crd-${kind.plural}`, crdManifest(kind, { [controlPlaneNamespaceLabel]: this.namespace }));
    }
  }

  private addControlPlane(install: MeshInstall): void {
    new ConfigComponent(this, 'config', install);
    new UserRoles(this, 'user-roles', install);
    if (install.permissionGuards) new PermissionGuards(this, 'permission-guards', install);
    if (install.trust?.by === 'cert-manager') new CertManagerObjects(this, 'cert-manager', install.trust, install);
    new IdentityComponent(this, 'identity', install);
    new DestinationComponent(this, 'destination', install);
    if (install.proxyInjector) new ProxyInjectorComponent(this, 'proxy-injector', install);
    if (install.tap) new TapComponent(this, 'tap', install);
  }
}
