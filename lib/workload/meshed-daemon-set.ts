import { DaemonSet, type DaemonSetProps } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { checkMeshedProps } from './mesh-options-shape.ts';
import { type MeshedProps, meshOf } from './meshed-props.ts';
import type { WorkloadMesh } from './workload-mesh.ts';

export interface MeshedDaemonSetProps extends DaemonSetProps, MeshedProps {}

/** A DaemonSet whose pods carry a sidecar. One that uses the host's network can have none, and fails the synth. */
export class MeshedDaemonSet extends DaemonSet {
  /** What the mesh knows of the workload. */
  readonly mesh: WorkloadMesh;

  constructor(scope: Construct, id: string, props: MeshedDaemonSetProps = {}) {
    checkMeshedProps(props, scope, id);
    super(scope, id, props);
    this.mesh = meshOf(this.apiObject, props);
  }
}
