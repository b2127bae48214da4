import type { Sample } from '../../lib/figures/exposition.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import type { Resource } from './resource.ts';

/** Something that pods belong to, and that gets a row. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly pods: readonly Pod[];
  /** How many of its pods were to have a sidecar and have none, as far as that can be told. */
  readonly lackingSidecars?: number;
}

/** What the sidecars of pods counted within a window. */
export interface Measurement {
  /** Counters tell their increase within the window, gauges their value at its end. */
  readonly samples: ReadonlyMap<Pod, PodSamples>;
  /** Meshed pods that gave nothing, with the reason. */
  readonly silent: ReadonlyMap<Pod, string>;
}

export interface PodSamples {
  readonly samples: readonly Sample[];
  readonly windowMs: number;
}

export interface WorkloadQuery {
  readonly resource: Resource;
  /** All namespaces without it. */
  readonly namespace: string | undefined;
  /** A label selector, as kubectl's `-l`. */
  readonly selector?: string;
}

/** Where figures come from: the local mesh, or a cluster. */
export interface FiguresSource {
  /** Rejects with a CommandError when they cannot be told. */
  workloads(query: WorkloadQuery): Promise<Workload[]>;
  measure(pods: readonly Pod[], windowMs: number): Promise<Measurement>;
  /** What names the routes of Services; empty where it cannot be read. */
  profiles(): Promise<readonly ServiceProfile[]>;
  close(): void;
}
