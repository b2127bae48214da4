import { Command } from 'commander';
import type { KubernetesApi } from '../control-plane/kubernetes/api.ts';
import type { Pod } from '../control-plane/sources/kubernetes-object.ts';
import { controlPlaneNamespaceLabel } from '../lib/contract/labels.ts';
import type { Manifest } from '../lib/inject/index.ts';
import { type ClusterOptions, withCluster } from './cluster/cluster.ts';
import { clusterObjects, scatteredObjects } from './cluster/mesh-objects.ts';
import { listAll } from './cluster/objects.ts';
import { formatObjects } from './manifests/manifest-stream.ts';
import { CommandError, type Terminal } from './terminal.ts';

const namedPods = 10;

/** `tulle uninstall`: every object of the mesh, for `kubectl delete -f -`. */
export function uninstallCommand(terminal: Terminal): Command {
  return new Command('uninstall')
    .option('-f, --force', 'even while pods have a sidecar')
    .addHelpText(
      'after',
      '\nThe CustomResourceDefinitions go too, and with them every policy and ServiceProfile in the cluster.',
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClusterOptions & { force?: boolean }>();
      await withCluster(options, terminal, async ({ client, meshNamespace, title }) => {
        const pods = await meshedPods(client, meshNamespace);
        if (pods.length > 0 && !options.force) throw new CommandError(stillMeshed(pods));
        const objects: Manifest[] = await clusterObjects(client, meshNamespace);
        const scattered = await scatteredObjects(client, meshNamespace);
        if (objects.length + scattered.length === 0) {
          throw new CommandError(`${title}: nothing of a mesh is in namespace ${meshNamespace}; -L names another`);
        }
        // Last what the identity component would write again for as long as it may.
        terminal.out(formatObjects([...objects, ...scattered]));
      });
    });
}

async function meshedPods(api: Pick<KubernetesApi, 'get'>, meshNamespace: string): Promise<string[]> {
  const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace}`;
  return (await listAll<Pod>(api, '/api/v1/pods', { labelSelector }))
    .filter(({ metadata, status }) => {
      const over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      return metadata.namespace !== meshNamespace && !over;
    })
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

function stillMeshed(pods: readonly string[]): string {
  const more = pods.length > namedPods ? ` and ${pods.length - namedPods} more` : '';
  return (
    `${pods.length} pods have a sidecar, which would soon be without certificates: ` +
    `${pods.slice(0, namedPods).join(', ')}${more}. Take them out of the mesh ('tulle uninject') and restart them, ` +
    'or give --force'
  );
}
