import { StatefulSet, type StatefulSetProps } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { checkMeshedProps } from './mesh-options-shape.ts';
import { type MeshedProps, meshOf } from './meshed-props.ts';
import type { WorkloadMesh } from './workload-mesh.ts';

export interface MeshedStatefulSetProps extends StatefulSetProps, MeshedProps {}

/**
 * A StatefulSet whose pods carry a sidecar. Its headless Service is told which ports are opaque; meshed clients reach each
 * pod by its own name (`db-0.db`) through the proxies of both.
 */
export class MeshedStatefulSet extends StatefulSet {
  /** What the mesh knows of the workload. */
  readonly mesh: WorkloadMesh;

  constructor(scope: Construct, id: string, props: MeshedStatefulSetProps) {
    checkMeshedProps(props, scope, id);
    super(scope, id, props);
    this.mesh = meshOf(this.apiObject, props);
  }
}
