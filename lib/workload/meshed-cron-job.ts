import { CronJob, type CronJobProps } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { leaveEnd } from './leave-end.ts';
import { checkMeshedProps } from './mesh-options-shape.ts';
import { type MeshedProps, meshOf } from './meshed-props.ts';
import type { WorkloadMesh } from './workload-mesh.ts';

export interface MeshedCronJobProps extends CronJobProps, MeshedProps {}

/** A CronJob whose pods carry a sidecar, which ends with the application as that of a `MeshedJob` does. */
export class MeshedCronJob extends CronJob {
  /** What the mesh knows of the workload. */
  readonly mesh: WorkloadMesh;

  constructor(scope: Construct, id: string, props: MeshedCronJobProps) {
    checkMeshedProps(props, scope, id);
    super(scope, id, props);
    leaveEnd(this, props);
    this.mesh = meshOf(this.apiObject, props);
  }
}
