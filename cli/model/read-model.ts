import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { objectsOfFolder } from '../../model/manifests.ts';
import { MeshModel } from '../../model/mesh-model.ts';
import { type ClusterOptions, withCluster } from '../cluster/cluster.ts';
import { manifestFolder } from '../manifests/folder.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { clusterObjects, namespaceObjects } from './cluster-objects.ts';

/** The model of what is in a cluster, and the namespace that is meant there. */
export const modelOfCluster = (
  options: ClusterOptions,
  terminal: Terminal,
): Promise<{ readonly model: MeshModel; readonly namespace: string }> =>
  withCluster(options, terminal, async ({ client, meshNamespace, namespace }) => ({
    model: told(MeshModel.fromObjects(await clusterObjects(client, meshNamespace)), terminal),
    namespace,
  }));

/** The same of one namespace, by default that which is meant; what may not be read of all is read of that alone. */
export const modelOfNamespace = (
  options: ClusterOptions,
  terminal: Terminal,
  named?: string,
): Promise<{ readonly model: MeshModel; readonly namespace: string }> =>
  withCluster(options, terminal, async ({ client, meshNamespace, namespace: usual }) => {
    const namespace = named ?? usual;
    const warn = (message: string): void => terminal.err(`warning: ${message}\n`);
    const objects = await namespaceObjects(client, meshNamespace, namespace, warn);
    return { model: told(MeshModel.fromObjects(objects), terminal), namespace };
  });

/** The model of a folder of manifests, of which there must be some. What in it cannot take effect is told on standard error. */
export function modelOf(path: string, terminal: Terminal): MeshModel {
  const folder = manifestFolder(terminal.cwd, path);
  let objects: readonly KubernetesObject[];
  try {
    objects = objectsOfFolder(folder);
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`);
  }
  if (objects.length === 0) {
    throw new UsageError(`${path}: there are no manifests in this folder (.yaml, .yml, .json)`);
  }
  return told(MeshModel.fromObjects(objects), terminal);
}

function told(model: MeshModel, terminal: Terminal): MeshModel {
  for (const problem of model.problems) terminal.err(`warning: ${printable(problem)}\n`);
  return model;
}
