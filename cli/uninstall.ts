import { Command } from 'commander';
import type { ApiError, KubernetesApi } from '../control-plane/kubernetes/api.ts';
import { controlPlaneNamespaceLabel } from '../lib/contract/labels.ts';
import type { Manifest } from '../lib/inject/index.ts';
import type { Pod } from '../lib/kinds/pod.ts';
import { type ClusterOptions, withCluster } from './cluster/cluster.ts';
import { clusterObjects, scatteredObjects } from './cluster/mesh-objects.ts';
import { listAll } from './cluster/objects.ts';
import { isRefused, refusalText } from './cluster/refusal.ts';
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
        const pods = options.force ? [] : await meshedPods(client, meshNamespace);
        if (pods.length > 0) throw new CommandError(stillMeshed(pods));
        const refused = new Set<string>();
        const onRefused = (error: ApiError): void => void refused.add(refusalText(error));
        const objects: Manifest[] = await clusterObjects(client, meshNamespace, onRefused);
        const scattered = await scatteredObjects(client, meshNamespace, onRefused);
        // Half of a mesh, such as webhooks without who answers them, is worse than the whole.
        if (refused.size > 0)
          throw new CommandError(`not all of the mesh can be found: ${[...refused].join('\nerror: ')}`);
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
  const pods = await listAll<Pod>(api, '/api/v1/pods', { labelSelector }).catch((error) => {
    if (!isRefused(error)) throw error;
    throw new CommandError(`whether pods have a sidecar is not known: ${refusalText(error)}; or give --force`);
  });
  return pods
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
