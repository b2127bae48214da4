import { join } from 'node:path';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { StateFolder } from '../../local/state-folder.ts';
import { CommandError } from '../terminal.ts';
import type { FiguresSource, Workload } from './figures-source.ts';
import { ownerName, type Resource } from './resource.ts';
import { directScraper, measure } from './scrape.ts';

/** Whether a local mesh runs in a state folder. */
export const runsLocally = async (stateFolder: string): Promise<boolean> =>
  (await new StateFolder(stateFolder).runner()) !== undefined;

/** The figures of a running local mesh. Rejects with a CommandError when none runs there. */
export async function localFigures(stateFolder: string): Promise<FiguresSource> {
  const state = new StateFolder(stateFolder);
  if ((await state.runner()) === undefined) {
    throw new CommandError(
      `no local mesh runs in ${state.path}: start one with 'tulle local dist', or name its --state`,
    );
  }
  const { objects } = await readManifestFolder(join(state.objects));
  const pods = objects.filter(({ kind }) => kind === 'Pod') as unknown as Pod[];
  return {
    workloads: async ({ resource, namespace, selector }) => {
      if (selector !== undefined)
        throw new CommandError('--selector (-l) is for clusters: the local mesh has pods only');
      return workloadsOf(pods, resource, namespace);
    },
    measure: (wanted, windowMs) => measure(wanted, windowMs, directScraper),
    profiles: async () => objects.filter(({ kind }) => kind === 'ServiceProfile') as unknown as ServiceProfile[],
    close: () => {},
  };
}

/** The workloads that pods name as their owners, by namespace and name. */
export function workloadsOf(pods: readonly Pod[], { kind, name }: Resource, namespace?: string): Workload[] {
  const found = new Map<string, { namespace: string; name: string; pods: Pod[] }>();
  for (const pod of pods) {
    const owner = ownerName(pod, kind);
    const place = pod.metadata.namespace ?? '';
    if (owner === undefined || (name !== undefined && owner !== name)) continue;
    if (namespace !== undefined && place !== namespace) continue;
    const key = `${place} ${owner}`;
    const workload = found.get(key) ?? { namespace: place, name: owner, pods: [] };
    workload.pods.push(pod);
    found.set(key, workload);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, workload]) => workload);
}
