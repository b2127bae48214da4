import { isNotFound, type KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import { kindInfo } from '../../control-plane/sources/kinds.ts';
import { meshConfigMap } from '../../lib/contract/names.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { eachBounded, listAll } from '../cluster/objects.ts';
import { CommandError } from '../terminal.ts';

interface Collection {
  readonly group: string;
  /** The first that is served is read. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  /** A cluster may lack it. */
  readonly optional: boolean;
}

/** What makes pods: a model has pods of its own for them. */
const workloads: readonly Collection[] = ['Deployment', 'StatefulSet', 'DaemonSet'].map((kind) => ({
  ...{ group: 'apps', versions: ['v1'], kind, optional: false },
  plural: `${kind.toLowerCase()}s`,
}));
/** What a cluster makes of the workloads. */
const made: ReadonlySet<string> = new Set(['Pod', 'EndpointSlice', 'Node']);
const atOnce = 6;

/** All that a model of the mesh needs of a cluster. Rejects with the ApiError of the first kind that may not be listed. */
export async function clusterObjects(
  api: Pick<KubernetesApi, 'get'>,
  meshNamespace: string,
): Promise<readonly KubernetesObject[]> {
  const read = Object.values(kindInfo).filter(({ kind }) => !made.has(kind));
  const lists = await eachBounded([...read, ...workloads], atOnce, (collection) => list(api, collection));
  return [...lists.flat(), ...(await installed(api, meshNamespace))];
}

async function list(
  api: Pick<KubernetesApi, 'get'>,
  { group, versions, kind, plural, optional }: Collection,
): Promise<KubernetesObject[]> {
  for (const version of versions) {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    try {
      const objects = await listAll(api, `/${group === '' ? 'api' : 'apis'}/${apiVersion}/${plural}`);
      // Items of a list do not say what they are.
      return objects.map((object) => ({ ...object, apiVersion, kind }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  if (!optional) throw new CommandError(`what was asked is no Kubernetes API server: it does not serve ${plural}`);
  return [];
}

/** How sidecars are injected there; without it, as by default. */
async function installed(api: Pick<KubernetesApi, 'get'>, meshNamespace: string): Promise<KubernetesObject[]> {
  try {
    const path = `/api/v1/namespaces/${meshNamespace}/configmaps/${meshConfigMap}`;
    const object = await api.get<KubernetesObject>(path);
    return [{ ...object, apiVersion: 'v1', kind: 'ConfigMap' }];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
