import type { InjectConfig } from '../../lib/inject/index.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { askedMesh, hinted, type MeshPlaceOptions } from '../asked-mesh.ts';
import { withCluster } from '../cluster/cluster.ts';
import type { WorkloadDirectory } from '../figures/directory.ts';
import type { Terminal } from '../terminal.ts';
import { clusterMesh } from './cluster-mesh.ts';
import { localMesh } from './local-mesh.ts';

/** Where a mesh is looked for. */
export type MeshOptions = MeshPlaceOptions;

export const stateOption = [
  '--state <folder>',
  `of a local mesh, its state folder (default: ${defaultStateFolder})`,
] as const;

/** A port of the destination component. */
export interface ComponentPort {
  /** A pod of the component; the first that is ready without it. */
  readonly pod?: string;
  readonly port: number;
}

/** How a port of a pod is reached from here. */
export interface Way {
  /** The pod, for messages. */
  readonly pod: string;
  readonly host: string;
  readonly port: number;
  /** What became of the way itself; undefined when that is whole. */
  problem(): string | undefined;
  close(): void;
}

/** A mesh that is looked into: that of a cluster, or the local one. */
export interface DiagnosedMesh {
  /** For messages. */
  readonly title: string;
  /** The namespace asked for. */
  readonly namespace: string;
  readonly directory: WorkloadDirectory;
  clusterDomain(): Promise<string>;
  /** How pods are meshed there; undefined where no mesh is installed, or this user may not see how, which is told. */
  injectConfig(): Promise<InjectConfig | undefined>;
  /** That one, or all. Empty where this user may not read them, which is told. */
  namespaces(name: string | undefined): Promise<readonly Namespace[]>;
  /** Rejects with a CommandError when there is no such pod, or none that is ready. */
  wayTo(component: ComponentPort): Promise<Way>;
  wayToPod(pod: Pod, port: number): Promise<Way>;
  /** The pods of the control plane, at least one. Rejects with a CommandError when there are none. */
  componentPods(): Promise<readonly Pod[]>;
  /** What an admin server of a pod tells. */
  metrics(pod: Pod, port: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Runs `work` on the mesh that the options name. */
export async function withMesh<T>(
  options: MeshOptions,
  terminal: Terminal,
  work: (mesh: DiagnosedMesh) => Promise<T>,
): Promise<T> {
  const asked = await askedMesh(options, terminal);
  return hinted(asked, async () =>
    asked.stateFolder === undefined
      ? withCluster(options, terminal, (cluster) => work(clusterMesh(cluster, terminal)))
      : work(await localMesh(asked.stateFolder, options.namespace ?? 'default')),
  );
}
