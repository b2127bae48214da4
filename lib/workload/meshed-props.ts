import type { MeshOptions } from './mesh-options.ts';

/** What every meshed workload takes besides the props of its kind. */
export interface MeshedProps {
  /**
   * What the mesh does for the workload.
   *
   * @default - the admission webhook adds the sidecar, with the settings of the mesh
   */
  readonly mesh?: MeshOptions;
}
