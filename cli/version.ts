import { Command } from 'commander';
import { ApiError } from '../control-plane/kubernetes/api.ts';
import type { Pod } from '../control-plane/sources/kubernetes-object.ts';
import { componentLabel, controlPlaneNamespaceLabel } from '../lib/contract/labels.ts';
import { proxyContainerName } from '../lib/contract/names.ts';
import { meshVersion } from '../lib/inject/index.ts';
import { type Cluster, type ClusterOptions, clusterPlace, connectCluster, explain } from './cluster/cluster.ts';
import { containerVersion } from './cluster/images.ts';
import { listAll } from './cluster/objects.ts';
import { CommandError, type Terminal } from './terminal.ts';

interface VersionOptions extends ClusterOptions {
  readonly short?: boolean;
  readonly client?: boolean;
  readonly proxy?: boolean;
}

const timeoutMs = 5000;

/** `tulle version`: which version this is, and which one the cluster runs. */
export function versionCommand(terminal: Terminal): Command {
  const { out, err } = terminal;
  return new Command('version')
    .description('print the versions of this command line and of the mesh in the cluster, when one is known')
    .option('--short', 'the numbers alone')
    .option('--client', 'of this command line alone')
    .option('--proxy', 'of the sidecars too, of the namespace of -n or of all')
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<VersionOptions>();
      const line = (title: string, version: string): void =>
        out(options.short ? `${version}\n` : `${title}: ${version}\n`);
      line('Client version', meshVersion);
      if (options.client || clusterPlace(options, terminal) === undefined) return;
      let cluster: Cluster | undefined;
      try {
        cluster = await connectCluster(options, terminal, { timeoutMs });
        line('Server version', (await serverVersions(cluster)).join(', ') || 'unavailable');
        if (!options.proxy) return;
        const counts = Object.entries(await proxyVersions(cluster, options.namespace));
        line('Proxy versions', counts.map(([version, pods]) => `${version} (${pods} pods)`).join(', ') || 'none');
      } catch (error) {
        const known = error instanceof ApiError && cluster ? explain(error, cluster) : undefined;
        if (known === undefined && !(error instanceof CommandError)) throw error;
        line('Server version', 'unavailable');
        err(`warning: ${known ?? (error as Error).message}\n`);
      } finally {
        cluster?.client.close();
      }
    });
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
