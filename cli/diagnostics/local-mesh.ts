import { componentLabel } from '../../lib/contract/labels.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { installedConfig } from '../../local/mesh-config.ts';
import { StateFolder } from '../../local/state-folder.ts';
import { metricsOf } from '../cluster/pod-metrics.ts';
import { localDirectory } from '../figures/local-directory.ts';
import { CommandError } from '../terminal.ts';
import type { DiagnosedMesh } from './mesh.ts';

const title = 'the local mesh';

/** The mesh that runs in a state folder: its pods are reached at their own addresses. */
export async function localMesh(stateFolder: string, namespace: string): Promise<DiagnosedMesh> {
  const directory = await localDirectory(stateFolder);
  const componentPods = async (): Promise<Pod[]> => {
    const workloads = await directory.workloads({ kind: 'pod', namespace: undefined });
    return workloads.flatMap(({ pods }) => pods).filter((pod) => pod.metadata.labels?.[componentLabel] !== undefined);
  };
  return {
    title,
    namespace,
    directory,
    clusterDomain: async () => {
      const runner = await new StateFolder(stateFolder).runner();
      const { objects } = runner === undefined ? { objects: [] } : await readManifestFolder(runner.manifests);
      return installedConfig(objects, []).clusterDomain;
    },
    wayTo: async ({ pod: named, port }) => {
      const found = (await componentPods()).find(({ metadata: { name, labels } }) =>
        named === undefined ? labels?.[componentLabel] === 'destination' : name === named,
      );
      const ip = found?.status?.podIP;
      if (found === undefined || ip === undefined) {
        throw new CommandError(`${title}: no pod ${named ?? 'of the destination component'}`);
      }
      return { pod: found.metadata.name, address: `${ip}:${port}`, problem: () => undefined, close: () => {} };
    },
    componentPods,
    metrics: (pod, port, signal) => directMetrics(pod, port, signal),
  };
}

async function* directMetrics({ status }: Pod, port: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  if (status?.podIP === undefined) throw new Error('has no address yet');
  yield* await metricsOf(status.podIP, port, signal);
}
