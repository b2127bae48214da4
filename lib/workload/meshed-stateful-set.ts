import { StatefulSet, type StatefulSetProps } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import type { MeshedProps } from './meshed-props.ts';
import { WorkloadMesh } from './workload-mesh.ts';

export interface MeshedStatefulSetProps extends StatefulSetProps, MeshedProps {}

/**
 * A StatefulSet whose pods carry a sidecar. Its headless Service is told which ports are opaque; meshed clients reach each
 * pod by its own name (`db-0.db`) through the proxies of both.
 */
export class MeshedStatefulSet extends StatefulSet {
  /** What the mesh knows of the workload. */
  readonly mesh: WorkloadMesh;

  constructor(scope: Construct, id: string, props: MeshedStatefulSetProps) {
    const { mesh, ...statefulSet } = props;
    super(scope, id, statefulSet);
    this.mesh = new WorkloadMesh(this.apiObject, props.serviceAccount?.name ?? 'default', mesh);
  }
}
