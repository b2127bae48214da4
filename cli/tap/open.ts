import { clusterPlace, connectCluster } from '../cluster/cluster.ts';
import { runsLocally } from '../figures/local-directory.ts';
import type { Terminal } from '../terminal.ts';
import { clusterTaps } from './cluster-source.ts';
import { localTaps } from './local-source.ts';
import type { TapOptions } from './request.ts';
import type { TapSource } from './source.ts';

/** The mesh that the options name; the local one when none is named and one runs here. */
export async function openTaps(options: TapOptions, stateFolder: string, terminal: Terminal): Promise<TapSource> {
  const named = options.kubeconfig !== undefined || options.context !== undefined;
  const local = options.state !== undefined || (!named && (await runsLocally(stateFolder)));
  if (local || (!named && clusterPlace(options, terminal) === undefined)) {
    return localTaps(stateFolder, options.namespace ?? 'default');
  }
  return clusterTaps(await connectCluster(options, terminal));
}
