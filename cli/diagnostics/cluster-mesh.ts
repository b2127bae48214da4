import { componentLabel } from '../../lib/contract/labels.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { installedMesh } from '../cluster/installed-mesh.ts';
import { listAll } from '../cluster/objects.ts';
import { podMetrics } from '../cluster/pod-metrics.ts';
import { forwardPort } from '../cluster/port-forward.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { clusterDirectory } from '../figures/cluster-directory.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import type { DiagnosedMesh } from './mesh.ts';

const defaultDomain = 'cluster.local';

/** The mesh of a cluster: its objects by the API server, its component by a port-forward. */
export function clusterMesh(cluster: Cluster, { err }: Pick<Terminal, 'err'>): DiagnosedMesh {
  const { access, client, meshNamespace, namespace, title } = cluster;
  return {
    title,
    namespace,
    directory: clusterDirectory(cluster, (message) => err(`warning: ${message}\n`)),
    // Of the install; the usual one, with a word, where this user may not read that.
    clusterDomain: async () => {
      try {
        const mesh = await installedMesh(client, meshNamespace);
        return mesh?.config.clusterDomain ?? defaultDomain;
      } catch (error) {
        if (!isRefused(error)) throw error;
        err(`warning: the cluster's domain is taken to be ${defaultDomain}: ${refusalText(error)}\n`);
        return defaultDomain;
      }
    },
    wayTo: async ({ pod: named, port }) => {
      const pod = named ?? (await readyPod(cluster));
      const forward = await forwardPort(access, { namespace: meshNamespace, pod, port });
      return { pod, address: `127.0.0.1:${forward.port}`, problem: forward.problem, close: forward.close };
    },
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
