import { ApiObject } from 'cdk8s';
import type { Construct, IConstruct } from 'constructs';
import { leaveEnd } from './leave-end.ts';
import { checkMeshedProps } from './mesh-options-shape.ts';
import { type MeshedProps, meshOf } from './meshed-props.ts';
import type { WorkloadMesh } from './workload-mesh.ts';

/** A class of workloads, of cdk8s-plus in any version. */
export type WorkloadClass = new (scope: Construct, id: string, props: never) => IConstruct;

/** The same class with `mesh` among its props, and with what the mesh knows of the workload. */
export type MeshedClass<Class extends WorkloadClass> = new (
  scope: Construct,
  id: string,
  props: NonNullable<ConstructorParameters<Class>[2]> & MeshedProps,
) => InstanceType<Class> & { readonly mesh: WorkloadMesh };

type AnyWorkload = new (scope: Construct, id: string, props: MeshedProps) => Construct;

/**
 * A class of workloads whose pods carry a sidecar, over that of whichever cdk8s-plus an app has: what `MeshedDeployment` and its
 * like are over cdk8s-plus-27, typed as that class is.
 *
 * ```ts
 * import { Deployment } from 'cdk8s-plus-34';
 *
 * const MeshedDeployment = meshed(Deployment);
 * const web = new MeshedDeployment(chart, 'web', { containers: [{ image: 'web:2.0' }], mesh: { opaquePorts: [5432] } });
 * web.mesh.allowFrom(gateway);
 * ```
 */
export function meshed<Class extends WorkloadClass>(workload: Class): MeshedClass<Class> {
  // Its props are of no type that is known here.
  class Meshed extends (workload as unknown as AnyWorkload) {
    readonly mesh: WorkloadMesh;

    constructor(scope: Construct, id: string, props: MeshedProps = {}) {
      checkMeshedProps(props, scope, id);
      super(scope, id, props);
      const object = ApiObject.of(this);
      if (object.kind === 'Job' || object.kind === 'CronJob') {
        leaveEnd(this as unknown as Parameters<typeof leaveEnd>[0], props);
      }
      this.mesh = meshOf(object, props);
    }
  }
  Object.defineProperty(Meshed, 'name', { value: `Meshed${workload.name}` });
  return Meshed as unknown as MeshedClass<Class>;
}
