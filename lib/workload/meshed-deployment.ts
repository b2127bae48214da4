import { Lazy } from 'cdk8s';
import { Deployment, type DeploymentExposeViaServiceOptions, type DeploymentProps, type Service } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { settingKey } from '../contract/annotations.ts';
import { checkMeshedProps } from './mesh-options-shape.ts';
import { type MeshedProps, meshOf } from './meshed-props.ts';
import type { WorkloadMesh } from './workload-mesh.ts';

export interface MeshedDeploymentProps extends DeploymentProps, MeshedProps {}

/**
 * A Deployment whose pods carry a sidecar. The manifest is that of a cdk8s-plus Deployment with annotations on the pod
 * template (or, with `Injection.static()` and `Injection.explicit()`, with the sidecar itself).
 */
export class MeshedDeployment extends Deployment {
  /** What the mesh knows of the workload. */
  readonly mesh: WorkloadMesh;

  constructor(scope: Construct, id: string, props: MeshedDeploymentProps = {}) {
    checkMeshedProps(props, scope, id);
    super(scope, id, props);
    this.mesh = meshOf(this.apiObject, props);
  }

  /** As for a Deployment; the Service tells clients which ports are opaque. */
  override exposeViaService(options: DeploymentExposeViaServiceOptions = {}): Service {
    const service = super.exposeViaService(options);
    // More may be said to be opaque after the Service was made.
    const told = (): string | undefined => {
      const opaque = this.mesh._opaquePorts;
      const ports = service.ports.filter(({ port, targetPort }) => opaque?.includes(targetPort ?? port));
      return opaque && ports.map(({ port }) => port).join(',');
    };
    service.metadata.addAnnotation(settingKey('opaque-ports'), Lazy.any({ produce: told }));
    return service;
  }
}
