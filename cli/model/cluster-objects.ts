import { isNotFound, type KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import { kindInfo } from '../../control-plane/sources/kinds.ts';
import { meshConfigMap } from '../../lib/contract/names.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { eachBounded, listAll } from '../cluster/objects.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { CommandError } from '../terminal.ts';

type Api = Pick<KubernetesApi, 'get'>;

interface Collection {
  readonly group: string;
  /** The first that is served is read. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** A cluster may lack it. */
  readonly optional: boolean;
}

/** What makes pods: a model has pods of its own for them. */
const workloads: readonly Collection[] = ['Deployment', 'StatefulSet', 'DaemonSet'].map((kind) => ({
  ...{ group: 'apps', versions: ['v1'], kind, namespaced: true, optional: false },
  plural: `${kind.toLowerCase()}s`,
}));
/** What a cluster makes of the workloads. */
const made: ReadonlySet<string> = new Set(['Pod', 'EndpointSlice', 'Node']);
const atOnce = 6;

const collections = (): readonly Collection[] => [
  ...Object.values(kindInfo).filter(({ kind }) => !made.has(kind)),
  ...workloads,
];

/** All that a model of the mesh needs of a cluster. Rejects with the ApiError of the first kind that may not be listed. */
export async function clusterObjects(api: Api, meshNamespace: string): Promise<readonly KubernetesObject[]> {
  const lists = await eachBounded(collections(), atOnce, (collection) => list(api, collection, undefined));
  return [...lists.flat(), ...(await installed(api, meshNamespace))];
}

/**
 * The same for what holds in one namespace, as far as this user may read it: what may not be read in all namespaces is read
 * in this one, and `warn` is told of what is not known.
 */
export async function namespaceObjects(
  api: Api,
  meshNamespace: string,
  namespace: string,
  warn: (message: string) => void,
): Promise<readonly KubernetesObject[]> {
  const refused: string[] = [];
  const orElse = async <T>(read: () => Promise<T>, otherwise: (reason: string) => T | Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!isRefused(error)) throw error;
      return otherwise(refusalText(error));
    }
  };
  const unknown = (what: string, instead: readonly KubernetesObject[]) => (reason: string) => {
    warn(`${what}: ${reason}`);
    return instead;
  };
  const lists = await eachBounded(collections(), atOnce, (collection) =>
    orElse<readonly KubernetesObject[]>(
      () => list(api, collection, undefined),
      (reason) => {
        const { kind, plural, namespaced, optional } = collection;
        if (!namespaced) {
          const itself = { apiVersion: 'v1', kind, metadata: { name: namespace } };
          return orElse<readonly KubernetesObject[]>(
            async () => [{ ...(await api.get<KubernetesObject>(`/api/v1/${plural}/${namespace}`)), ...itself }],
            unknown(`annotations of namespace ${namespace} are not counted`, [itself]),
          );
        }
        refused.push(reason);
        const here = (): Promise<KubernetesObject[]> => list(api, collection, namespace);
        return optional ? orElse(here, unknown(`${plural} are not counted`, [])) : here();
      },
    ),
  );
  if (refused.length > 0) {
    const more = refused.length === 1 ? '' : `, nor ${refused.length - 1} kinds more`;
    warn(`only namespace ${namespace} is read: ${refused[0]}${more}`);
  }
  const mesh = await orElse<readonly KubernetesObject[]>(
    () => installed(api, meshNamespace),
    unknown('the settings of the mesh are taken to be its defaults, who is let in by default among them', []),
  );
  return [...lists.flat(), ...mesh];
}

async function list(
  api: Api,
  { group, versions, kind, plural, optional }: Collection,
  namespace: string | undefined,
): Promise<KubernetesObject[]> {
  const place = namespace === undefined ? '' : `namespaces/${namespace}/`;
  for (const version of versions) {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    try {
      const objects = await listAll(api, `/${group === '' ? 'api' : 'apis'}/${apiVersion}/${place}${plural}`);
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
async function installed(api: Api, meshNamespace: string): Promise<KubernetesObject[]> {
  try {
    const path = `/api/v1/namespaces/${meshNamespace}/configmaps/${meshConfigMap}`;
    const object = await api.get<KubernetesObject>(path);
    return [{ ...object, apiVersion: 'v1', kind: 'ConfigMap' }];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
