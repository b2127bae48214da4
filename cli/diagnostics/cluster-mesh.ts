import { componentLabel } from '../../lib/contract/labels.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { installedMesh } from '../cluster/installed-mesh.ts';
import { readNamespaces } from '../cluster/lacking-sidecars.ts';
import { listAll } from '../cluster/objects.ts';
import { podMetrics } from '../cluster/pod-metrics.ts';
import { forwardPort, type PodPort } from '../cluster/port-forward.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { clusterDirectory } from '../figures/cluster-directory.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import type { DiagnosedMesh, Way } from './mesh.ts';

const defaultDomain = 'cluster.local';

/** The mesh of a cluster: its objects by the API server, its component by a port-forward. */
export function clusterMesh(cluster: Cluster, { err }: Pick<Terminal, 'err'>): DiagnosedMesh {
  const { client, meshNamespace, namespace, title } = cluster;
  const unlessRefused = async <T>(without: string, otherwise: T, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!isRefused(error)) throw error;
      err(`warning: ${without}: ${refusalText(error)}\n`);
      return otherwise;
    }
  };
  return {
    title,
    namespace,
    directory: clusterDirectory(cluster, (message) => err(`warning: ${message}\n`)),
    // Of the install; the usual one, with a word, where this user may not read that.
    clusterDomain: () =>
      unlessRefused(`the cluster's domain is taken to be ${defaultDomain}`, defaultDomain, async () => {
        const mesh = await installedMesh(client, meshNamespace);
        return mesh?.config.clusterDomain ?? defaultDomain;
      }),
    wayTo: async ({ pod: named, port }) => {
      const pod = named ?? (await readyPod(cluster));
      return forwarded(cluster, { namespace: meshNamespace, pod, port });
    },
    wayToPod: ({ metadata: { namespace = '', name } }, port) => forwarded(cluster, { namespace, pod: name, port }),
    injectConfig: () =>
      unlessRefused('how pods are meshed is not known', undefined, async () => {
        const mesh = await installedMesh(client, meshNamespace);
        return mesh?.config;
      }),
    namespaces: (name) =>
      unlessRefused('annotations of namespaces are not counted', [], async () => {
        const found = await readNamespaces(client, name);
        return found.filter((one) => one !== undefined);
      }),
    componentPods: async () => {
      const path = `/api/v1/namespaces/${meshNamespace}/pods`;
      const pods = await listAll<Pod>(client, path, { labelSelector: componentLabel });
      if (pods.length === 0) throw new CommandError(`no control plane in namespace ${meshNamespace}`);
      return pods;
    },
    metrics: ({ metadata }, port, signal) =>
      podMetrics(cluster, { namespace: metadata.namespace ?? '', pod: metadata.name, port }, signal),
  };
}

async function forwarded({ access }: Cluster, target: PodPort): Promise<Way> {
  const { port, problem, close } = await forwardPort(access, target);
  return { pod: target.pod, host: '127.0.0.1', port, problem, close };
}

async function readyPod({ client, meshNamespace, title }: Cluster): Promise<string> {
  const path = `/api/v1/namespaces/${meshNamespace}/pods`;
  const pods = await listAll<Pod>(client, path, { labelSelector: `${componentLabel}=destination` }).catch((error) => {
    if (!isRefused(error)) throw error;
    throw new CommandError(
      `${title}: no pod of the destination component can be looked for: ${refusalText(error)}; ` +
        'name one with --destination-pod, or be another with --as',
    );
  });
  const ready = pods.find(({ status }) =>
    status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  );
  if (ready !== undefined) return ready.metadata.name;
  throw new CommandError(
    `${title}: no pod of the destination component is ready in namespace ${meshNamespace}: see 'tulle check'`,
  );
}
