import { join } from 'node:path';
import type { Pod } from '../../control-plane/sources/kubernetes-object.ts';
import { proxyContainerName } from '../../lib/inject/index.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { StateFolder } from '../../local/state-folder.ts';
import { CommandError } from '../terminal.ts';

/** Pods of a running local mesh. */
export interface MeshPods {
  readonly pods: readonly Pod[];
  readonly meshNamespace: string;
}

/** Rejects with a CommandError when no mesh runs there. */
export async function localPods(stateFolder: string): Promise<MeshPods> {
  const state = new StateFolder(stateFolder);
  const runner = await state.runner();
  if (runner === undefined) {
    throw new CommandError(
      `no local mesh runs in ${state.path}: start one with 'tulle local dist', or name its --state`,
    );
  }
  const { objects } = await readManifestFolder(join(state.objects));
  return {
    pods: objects.filter(({ kind }) => kind === 'Pod') as unknown as Pod[],
    meshNamespace: runner.meshNamespace,
  };
}

export function sidecarOf({ spec }: Pod) {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.find(({ name }) => name === proxyContainerName);
}
