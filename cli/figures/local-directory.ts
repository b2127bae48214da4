import { join } from 'node:path';
import type { Subject } from '../../lib/figures/query.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { StateFolder } from '../../local/state-folder.ts';
import { ownerName } from '../resource.ts';
import { CommandError, UsageError } from '../terminal.ts';
import type { Workload, WorkloadDirectory } from './directory.ts';

/** Whether a local mesh runs in a state folder. */
export const runsLocally = async (stateFolder: string): Promise<boolean> =>
  (await new StateFolder(stateFolder).runner()) !== undefined;

/** What a running local mesh has. Rejects with a CommandError when none runs there. */
export async function localDirectory(stateFolder: string): Promise<WorkloadDirectory> {
  const state = new StateFolder(stateFolder);
  if ((await state.runner()) === undefined) {
    throw new CommandError(
      `no local mesh runs in ${state.path}: start one with 'tulle local dist', or name its --state`,
    );
  }
  const { objects } = await readManifestFolder(join(state.objects));
  const pods = objects.filter(({ kind }) => kind === 'Pod') as unknown as Pod[];
  return {
    workloads: async (subject) => {
      if (subject.selector !== undefined)
        throw new UsageError('--selector (-l) is for clusters: the local mesh has pods only');
      return workloadsOf(pods, subject);
    },
    profiles: async () => objects.filter(({ kind }) => kind === 'ServiceProfile') as unknown as ServiceProfile[],
    close: () => {},
  };
}

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
