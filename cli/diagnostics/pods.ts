import type { Pod } from '../../lib/kinds/pod.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { sidecarOf } from '../cluster/sidecar.ts';
import { clusterDirectory } from '../figures/cluster-directory.ts';
import type { Resource } from '../resource.ts';
import { CommandError, type Terminal } from '../terminal.ts';

/** The pods with a sidecar that a resource has, at least one. Rejects with a CommandError when there is none. */
export async function meshedPodsOf(
  cluster: Cluster,
  resource: Resource,
  { err }: Pick<Terminal, 'err'>,
): Promise<Pod[]> {
  const namespace = resource.kind === 'namespace' ? undefined : cluster.namespace;
  const directory = clusterDirectory(cluster, (message) =>
    err(`warning: ${message}
`),
  );
  const workloads = await directory.workloads({ ...resource, namespace });
  const title = [resource.kind, resource.name].filter(Boolean).join('/');
  const place = resource.kind === 'namespace' ? '' : ` in namespace ${cluster.namespace} (-n names another)`;
  if (workloads.length === 0) throw new CommandError(`no ${title}${place}`);
  const pods = workloads.flatMap((workload) => workload.pods).filter((pod) => sidecarOf(pod) !== undefined);
  if (pods.length > 0) return pods;
  throw new CommandError(`no pod of ${title}${place} has a sidecar`);
}
