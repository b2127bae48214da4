import type { IConstruct, IMixin } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import type { MeshOptions } from './mesh-options.ts';
import { meshOptionsShape } from './mesh-options-shape.ts';
import { isMeshable, meshApiObject } from './meshing.ts';

/**
 * A mixin that meshes every workload of a tree as it stands: raw ApiObjects, the workloads of any version of
 * cdk8s-plus, and what `Include` and `Helm` bring in.
 *
 * ```ts
 * chart.with(new MeshInjection());
 * ```
 *
 * Workloads that say themselves how they are injected, or with which settings, keep their word, MeshedDeployments among
 * them. Constructs that are added after `with` are not reached: apply it last.
 */
export class MeshInjection implements IMixin {
  private readonly options: MeshOptions;

  constructor(options: MeshOptions = {}) {
    checkProps(meshOptionsShape, options);
    this.options = options;
  }

  /** Whether a construct makes pods that can have a sidecar; `with` asks of each of a tree. */
  supports(construct: IConstruct): boolean {
    return isMeshable(construct);
  }

  /** Meshes one construct; `with` does it for each of a tree. */
  applyTo(construct: IConstruct): void {
    if (isMeshable(construct)) meshApiObject(construct, () => this.options, 'mixin');
  }
}
