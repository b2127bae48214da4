import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { componentLabel, controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import { proxyContainerName } from '../../lib/contract/names.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { type Cluster, type ClusterOptions, connectCluster, explain } from './cluster.ts';
import { containerVersion } from './images.ts';
import { listAll } from './objects.ts';

const timeoutMs = 5000;

/** What the cluster runs; what cannot be asked is a problem, and the rest is told all the same. */
export async function clusterVersions(
  options: ClusterOptions & { readonly proxy?: boolean },
  terminal: Terminal,
): Promise<{ readonly server?: string; readonly proxies?: string; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  let cluster: Cluster | undefined;
  const attempt = async (work: (cluster: Cluster) => Promise<string>): Promise<string | undefined> => {
    try {
      cluster ??= await connectCluster(options, terminal, { timeoutMs });
      return await work(cluster);
    } catch (error) {
      const known = error instanceof ApiError && cluster ? explain(error, cluster) : undefined;
      if (known === undefined && !(error instanceof CommandError)) throw error;
      problems.push(known ?? (error as Error).message);
      return undefined;
    }
  };
  try {
    const server = await attempt(async (found) => (await serverVersions(found)).join(', ') || 'unavailable');
    if (!options.proxy || (server === undefined && cluster === undefined)) return { server, problems };
    const proxies = await attempt(async (found) => {
      const counts = Object.entries(await proxyVersions(found, options.namespace));
      return counts.map(([version, pods]) => `${version} (${pods} pods)`).join(', ') || 'none';
    });
    return { server, proxies, problems };
  } finally {
    (cluster as Cluster | undefined)?.client.close();
  }
}

/** As the images of the control plane's pods say; several while one follows another, none without a control plane. */
async function serverVersions({ client, meshNamespace }: Cluster): Promise<string[]> {
  const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace},${componentLabel}`;
  const pods = await listAll<Pod>(client, `/api/v1/namespaces/${meshNamespace}/pods`, { labelSelector });
  const versions = pods.map((pod) => containerVersion(pod, pod.metadata.labels?.[componentLabel] ?? ''));
  return [...new Set(versions.filter((version) => version !== undefined))].sort();
}

async function proxyVersions(cluster: Cluster, namespace: string | undefined): Promise<Record<string, number>> {
  const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`;
  const labelSelector = `${controlPlaneNamespaceLabel}=${cluster.meshNamespace}`;
  const counts: Record<string, number> = {};
  for (const pod of await listAll<Pod>(cluster.client, path, { labelSelector })) {
    const version = containerVersion(pod, proxyContainerName);
    if (version !== undefined) counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}
