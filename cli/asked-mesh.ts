import { resolve } from 'node:path';
import { defaultStateFolder, StateFolder } from '../local/state-folder.ts';
import { type ClusterOptions, clusterPlace } from './cluster/place.ts';
import { CommandError, NoCluster, type Terminal, UsageError } from './terminal.ts';

/** What names a mesh for a command that can ask a cluster or a local one. */
export interface MeshPlaceOptions extends ClusterOptions {
  /** Of a local mesh. */
  readonly state?: string;
}

/** The mesh that a command asks. */
export interface AskedMesh {
  /** Of the local mesh; undefined: a cluster is asked. */
  readonly stateFolder: string | undefined;
  /** That there is another, and how it is asked; undefined where there is none. */
  readonly hint: string | undefined;
  /** Where a cluster cannot be asked at all. */
  readonly hintWithoutCluster?: string;
}

/**
 * The local mesh where `--state` says so, or where one runs here, or no cluster is known, and neither `--kubeconfig` nor
 * `--context` names one; else the cluster.
 */
export async function askedMesh(options: MeshPlaceOptions, terminal: Terminal): Promise<AskedMesh> {
  const stateFolder = resolve(terminal.cwd, options.state ?? defaultStateFolder);
  const knowsCluster = clusterPlace(options, terminal) !== undefined;
  if (options.state !== undefined) {
    const hint = 'the local mesh was asked, since --state names it: without, --kubeconfig or --context ask a cluster';
    return { stateFolder, hint: knowsCluster ? hint : undefined };
  }
  const named = options.kubeconfig !== undefined || options.context !== undefined;
  const running = new StateFolder(stateFolder).runner();
  if (named) {
    // What cannot be read here is no matter of the cluster.
    const runsHere = (await running.catch(() => undefined)) !== undefined;
    const hint = `a cluster was asked: the local mesh that runs here (${stateFolder}) is without --kubeconfig and --context`;
    return { stateFolder: undefined, hint: runsHere ? hint : undefined };
  }
  if ((await running) !== undefined) {
    const hint = `the local mesh was asked, since it runs here (${stateFolder}): --kubeconfig or --context ask a cluster`;
    return { stateFolder, hint: knowsCluster ? hint : undefined };
  }
  if (!knowsCluster) {
    return { stateFolder, hint: 'nor is a cluster known: --kubeconfig or KUBECONFIG name a kubeconfig file' };
  }
  const hintWithoutCluster = `no local mesh runs here (${stateFolder}), which would be asked: --state names another`;
  return { stateFolder: undefined, hint: undefined, hintWithoutCluster };
}

/** Does `work`, and ends what makes it fail with a word on the other mesh, where that may be the one that was meant. */
export async function hinted<T>({ hint, hintWithoutCluster }: AskedMesh, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandError) || error instanceof UsageError || error.message === '') throw error;
    const shown = hint ?? (error instanceof NoCluster ? hintWithoutCluster : undefined);
    throw shown === undefined ? error : new CommandError(`${error.message}\nhint: ${shown}`, error.exitCode);
  }
}
