import { MeshModel } from '../../model/mesh-model.ts';
import { type ClusterOptions, withCluster } from '../cluster/cluster.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { clusterObjects } from './cluster-objects.ts';

/** The model of what is in a cluster, and the namespace that is meant there. */
export const modelOfCluster = (
  options: ClusterOptions,
  terminal: Terminal,
): Promise<{ readonly model: MeshModel; readonly namespace: string }> =>
  withCluster(options, terminal, async ({ client, meshNamespace, namespace }) => ({
    model: told(MeshModel.fromObjects(await clusterObjects(client, meshNamespace)), terminal),
    namespace,
  }));

/** The model of a folder of manifests. What in it cannot take effect is told on standard error. */
export function modelOf(folder: string, terminal: Terminal): MeshModel {
  let model: MeshModel;
  try {
    model = MeshModel.fromFolder(folder);
  } catch (error) {
    throw new CommandError(`${folder}: ${(error as Error).message}`);
  }
  return told(model, terminal);
}

function told(model: MeshModel, terminal: Terminal): MeshModel {
  for (const problem of model.problems) terminal.err(`warning: ${printable(problem)}\n`);
  return model;
}
