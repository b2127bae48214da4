import type { AskedMesh } from '../asked-mesh.ts';
import { connectCluster } from '../cluster/cluster.ts';
import type { Terminal } from '../terminal.ts';
import { clusterTaps } from './cluster-source.ts';
import { localTaps } from './local-source.ts';
import type { TapOptions } from './request.ts';
import type { TapSource } from './source.ts';

/** The sidecars of the mesh that is asked. */
export const openTaps = async (
  { stateFolder }: AskedMesh,
  options: TapOptions,
  terminal: Terminal,
): Promise<TapSource> =>
  stateFolder === undefined
    ? clusterTaps(await connectCluster(options, terminal))
    : localTaps(stateFolder, options.namespace ?? 'default');
