import type { Subject } from '../../lib/figures/query.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { BytesRoute, GrpcRoute, HttpRoute } from '../../lib/kinds/route-object.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';

/** Something that pods belong to. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly pods: readonly Pod[];
  /** Those of them that were to have a sidecar and have none, as far as that can be told. */
  readonly lackingSidecars?: ReadonlySet<Pod>;
}

/** A route of the Gateway API, or of Linkerd's. */
export type RouteObject = HttpRoute | GrpcRoute | BytesRoute;

/** What is in the mesh: a cluster's objects, or those of the local mesh. */
export interface WorkloadDirectory {
  /**
   * Empty when nothing is what the subject names; of Services with the pods that they select. Rejects with a CommandError
   * when it cannot be told.
   */
  workloads(subject: Subject): Promise<Workload[]>;
  /** What names the routes of Services; empty where it cannot be read. */
  profiles(): Promise<readonly ServiceProfile[]>;
  /** The routes that the subject names; undefined where they cannot be read, which is told. */
  gatewayRoutes(subject: Subject): Promise<readonly RouteObject[] | undefined>;
  close(): void;
}
