import type { Pod } from '../../lib/kinds/pod.ts';
import { sidecarOf } from '../cluster/sidecar.ts';
import type { Resource } from '../resource.ts';
import { CommandError } from '../terminal.ts';
import type { DiagnosedMesh } from './mesh.ts';

/** The pods with a sidecar that a resource has, at least one. Rejects with a CommandError when there is none. */
export async function meshedPodsOf(mesh: DiagnosedMesh, resource: Resource): Promise<Pod[]> {
  const namespace = resource.kind === 'namespace' ? undefined : mesh.namespace;
  const workloads = await mesh.directory.workloads({ ...resource, namespace });
  const title = [resource.kind, resource.name].filter(Boolean).join('/');
  const place = resource.kind === 'namespace' ? '' : ` in namespace ${mesh.namespace} (-n names another)`;
  if (workloads.length === 0) throw new CommandError(`no ${title}${place}`);
  const pods = workloads.flatMap((workload) => workload.pods).filter((pod) => sidecarOf(pod) !== undefined);
  if (pods.length > 0) return pods;
  throw new CommandError(`no pod of ${title}${place} has a sidecar`);
}
