import { getIfThere } from '../../control-plane/kubernetes/shared-object.ts';
import { type InjectConfig, lacksSidecar, type PlacedPod } from '../../lib/inject/index.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { CommandError } from '../terminal.ts';
import type { Cluster } from './cluster.ts';
import { installedMesh } from './installed-mesh.ts';
import { listAll } from './objects.ts';
import { isRefused, refusalText } from './refusal.ts';
import { sidecarOf } from './sidecar.ts';

/** Those that were to have a sidecar and have none; pods of a namespace that is not known are asked by themselves. */
export function podsLackingSidecars(
  pods: readonly Pod[],
  config: InjectConfig,
  namespaces: readonly (Namespace | undefined)[],
): Pod[] {
  const known = new Map(namespaces.map((namespace) => [namespace?.metadata.name, namespace?.metadata]));
  return pods.filter((pod) => {
    const { namespace } = pod.metadata;
    return lacksSidecar(pod as unknown as PlacedPod, config, known.get(namespace) as PlacedPod['metadata']);
  });
}

/**
 * The same, with what has to be read for it: of one namespace, or all. Empty where no mesh is installed, and where this user
 * may not see that, which `warn` is told: who asks for figures has not asked for this. Where the namespace may not be
 * read, its pods are asked by themselves.
 */
export async function lackingSidecars(
  { client, meshNamespace }: Pick<Cluster, 'client' | 'meshNamespace'>,
  namespace: string | undefined,
  pods: readonly Pod[],
  warn: (message: string) => void,
): Promise<ReadonlySet<Pod>> {
  const bare = pods.filter((pod) => sidecarOf(pod) === undefined);
  if (bare.length === 0) return new Set();
  try {
    const mesh = await installedMesh(client, meshNamespace);
    if (mesh === undefined) return new Set();
    const namespaces = await readNamespaces(client, namespace).catch((error) => {
      if (!isRefused(error)) throw error;
      warn(`annotations of namespaces are not counted: ${refusalText(error)}`);
      return [];
    });
    return new Set(podsLackingSidecars(bare, mesh.config, namespaces));
  } catch (error) {
    if (isRefused(error)) warn(`whether pods lack a sidecar is not known: ${refusalText(error)}`);
    else if (!(error instanceof CommandError)) throw error;
    return new Set();
  }
}

/** A namespace, undefined when it is not there; without a name all of them. */
export async function readNamespaces(
  client: Cluster['client'],
  namespace: string | undefined,
): Promise<(Namespace | undefined)[]> {
  if (namespace === undefined) return listAll<Namespace>(client, '/api/v1/namespaces');
  return [await getIfThere<Namespace>(client, `/api/v1/namespaces/${namespace}`)];
}
