import type { ApiObject } from 'cdk8s';
import type { MeshOptions } from './mesh-options.ts';
import { WorkloadMesh } from './workload-mesh.ts';

/** What every meshed workload takes besides the props of its kind. */
export interface MeshedProps {
  /**
   * What the mesh does for the workload.
   *
   * @default - the admission webhook adds the sidecar, with the settings of the mesh
   */
  readonly mesh?: MeshOptions;
}

/** What the mesh knows of a workload with the props of its kind; pods that are given no account run as `default`. */
export const meshOf = (
  object: ApiObject,
  { serviceAccount, mesh }: MeshedProps & { readonly serviceAccount?: { readonly name: string } },
): WorkloadMesh => new WorkloadMesh(object, serviceAccount?.name ?? 'default', mesh);
