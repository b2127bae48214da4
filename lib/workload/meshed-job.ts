import { Job, type JobProps } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { leaveEnd } from './leave-end.ts';
import { checkMeshedProps } from './mesh-options-shape.ts';
import { type MeshedProps, meshOf } from './meshed-props.ts';
import type { WorkloadMesh } from './workload-mesh.ts';

export interface MeshedJobProps extends JobProps, MeshedProps {}

/**
 * A Job whose pods carry a sidecar, which ends with the application: a native one by itself; another when the application
 * has told it by `POST http://localhost:4191/shutdown`, which is opened here.
 */
export class MeshedJob extends Job {
  /** What the mesh knows of the workload. */
  readonly mesh: WorkloadMesh;

  constructor(scope: Construct, id: string, props: MeshedJobProps = {}) {
    checkMeshedProps(props, scope, id);
    super(scope, id, props);
    leaveEnd(this, props);
    this.mesh = meshOf(this.apiObject, props);
  }
}
