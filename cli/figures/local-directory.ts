import type { Subject } from '../../lib/figures/query.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { type Runner, StateFolder } from '../../local/state-folder.ts';
import { ownerName } from '../resource.ts';
import { CommandError, UsageError } from '../terminal.ts';
import type { RouteObject, Workload, WorkloadDirectory } from './directory.ts';
import { routeKindsOf } from './gateway-routes.ts';
import { selectedBy } from './services.ts';

/** Who runs a local mesh. Rejects with a CommandError when none runs there. */
export async function localRunner(stateFolder: string): Promise<Runner> {
  const runner = await new StateFolder(stateFolder).runner();
  if (runner !== undefined) return runner;
  throw new CommandError(
    `no local mesh runs in ${stateFolder}: start one with 'tulle local dist', or name its --state`,
  );
}

/** What a running local mesh has. Rejects with a CommandError when none runs there. */
export async function localDirectory(stateFolder: string): Promise<WorkloadDirectory> {
  const state = new StateFolder(stateFolder);
  const runner = await localRunner(stateFolder);
  const [made, given] = await Promise.all([state.objects, runner.manifests].map(readManifestFolder));
  const pods = made.objects.filter(({ kind }) => kind === 'Pod') as unknown as Pod[];
  const { objects } = given;
  const services = objects.filter(({ kind }) => kind === 'Service') as unknown as Service[];
  return {
    workloads: async (subject) => {
      refuseSelector(subject);
      return subject.kind === 'service' ? selectedBy(named(services, subject), pods) : workloadsOf(pods, subject);
    },
    gatewayRoutes: async (subject) => {
      refuseSelector(subject);
      const kinds = routeKindsOf(subject.kind).map(({ kind }) => kind);
      return named(objects.filter(({ kind }) => kinds.includes(kind ?? '')) as unknown as RouteObject[], subject);
    },
    profiles: async () => objects.filter(({ kind }) => kind === 'ServiceProfile') as unknown as ServiceProfile[],
    close: () => {},
  };
}

function refuseSelector({ selector }: Subject): void {
  if (selector === undefined) return;
  throw new UsageError('--selector (-l) is for clusters: the local mesh has pods only');
}

const named = <T extends KubernetesObject>(all: readonly T[], { name, namespace }: Subject): T[] =>
  all.filter(
    ({ metadata }) =>
      (name === undefined || metadata.name === name) && (namespace === undefined || metadata.namespace === namespace),
  );

/** The workloads that pods name as their owners, by namespace and name. */
function workloadsOf(pods: readonly Pod[], { kind, name, namespace }: Subject): Workload[] {
  const found = new Map<string, { namespace: string; name: string; pods: Pod[] }>();
  for (const pod of pods) {
    const owner = ownerName(pod, kind);
    const place = pod.metadata.namespace ?? '';
    if (owner === undefined || (name !== undefined && owner !== name)) continue;
    if (namespace !== undefined && kind !== 'namespace' && place !== namespace) continue;
    const key = `${place} ${owner}`;
    const workload = found.get(key) ?? { namespace: place, name: owner, pods: [] };
    workload.pods.push(pod);
    found.set(key, workload);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, workload]) => workload);
}
