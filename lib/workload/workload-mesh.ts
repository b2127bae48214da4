import type { ApiObject } from 'cdk8s';
import { Chart } from 'cdk8s';
import { identityName } from '../contract/names.ts';
import { installationOf } from '../mesh/installation.ts';
import { Injection } from './injection.ts';
import type { MeshOptions } from './mesh-options.ts';
import { meshApiObject } from './meshing.ts';

/** What the mesh knows of a workload, and does for it: the facet `mesh` of the meshed constructs. */
export class WorkloadMesh {
  /** How the workload gets its sidecar. */
  readonly injection: Injection;

  private readonly object: ApiObject;
  private readonly serviceAccount: string;
  private readonly options: MeshOptions;

  /**
   * @param object the workload's object, whose rendering is changed.
   * @param serviceAccount name of the account that the pods run as.
   */
  constructor(object: ApiObject, serviceAccount: string, options: MeshOptions = {}) {
    this.object = object;
    this.serviceAccount = serviceAccount;
    this.options = options;
    this.injection = options.injection ?? Injection.webhook();
    meshApiObject(object, options, 'workload');
  }

  /**
   * The name that other workloads know this one by, proven by its certificate:
   * `<service account>.<namespace>.serviceaccount.identity.<mesh namespace>.<trust domain>`.
   */
  get identity(): string {
    return identityName(this.serviceAccount, this.namespace, installationOf(this.object));
  }

  /** The namespace of the workload: its own, else that of its chart, else `default`. */
  get namespace(): string {
    return this.object.metadata.namespace ?? Chart.of(this.object).namespace ?? 'default';
  }

  /** Ports that are passed on as they are; undefined when the mesh's defaults hold. */
  get opaquePorts(): number[] | undefined {
    return this.options.opaquePorts && [...this.options.opaquePorts];
  }
}
