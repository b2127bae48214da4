import type { Subject } from '../../lib/figures/query.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';

/** Something that pods belong to. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly pods: readonly Pod[];
  /** Those of them that were to have a sidecar and have none, as far as that can be told. */
  readonly lackingSidecars?: ReadonlySet<Pod>;
}

/** What is in the mesh: a cluster's objects, or those of the local mesh. */
export interface WorkloadDirectory {
  /** Empty when nothing is what the subject names. Rejects with a CommandError when it cannot be told. */
  workloads(subject: Subject): Promise<Workload[]>;
  /** What names the routes of Services; empty where it cannot be read. */
  profiles(): Promise<readonly ServiceProfile[]>;
  close(): void;
}
