import { componentLabel } from '../../lib/contract/labels.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { installedConfig } from '../../local/mesh-config.ts';
import { StateFolder } from '../../local/state-folder.ts';
import { metricsOf } from '../cluster/pod-metrics.ts';
import { localDirectory } from '../figures/local-directory.ts';
import { CommandError } from '../terminal.ts';
import type { DiagnosedMesh, Way } from './mesh.ts';

const title = 'the local mesh';

/** The mesh that runs in a state folder: its pods are reached at their own addresses. */
export async function localMesh(stateFolder: string, namespace: string): Promise<DiagnosedMesh> {
  const directory = await localDirectory(stateFolder);
  const componentPods = async (): Promise<Pod[]> => {
    const workloads = await directory.workloads({ kind: 'pod', namespace: undefined });
    return workloads.flatMap(({ pods }) => pods).filter((pod) => pod.metadata.labels?.[componentLabel] !== undefined);
  };
  const manifests = async (): Promise<readonly Manifest[]> => {
    const runner = await new StateFolder(stateFolder).runner();
    return runner === undefined ? [] : (await readManifestFolder(runner.manifests)).objects;
  };
  return {
    title,
    namespace,
    directory,
    clusterDomain: async () => installedConfig(await manifests(), []).clusterDomain,
    injectConfig: async () => installedConfig(await manifests(), []),
    namespaces: async (name) => {
      const found = (await manifests()).filter(({ kind }) => kind === 'Namespace') as unknown as Namespace[];
      return found.filter(({ metadata }) => name === undefined || metadata.name === name);
    },
    wayTo: async ({ pod: named, port }) => {
      const found = (await componentPods()).find(({ metadata: { name, labels } }) =>
        named === undefined ? labels?.[componentLabel] === 'destination' : name === named,
      );
      if (found === undefined) throw new CommandError(`${title}: no pod ${named ?? 'of the destination component'}`);
      return direct(found, port);
    },
    wayToPod: async (pod, port) => direct(pod, port),
    componentPods,
    metrics: (pod, port, signal) => directMetrics(pod, port, signal),
  };
}

function direct({ metadata, status }: Pod, port: number): Way {
  if (status?.podIP === undefined) throw new CommandError(`${title}: pod ${metadata.name} has no address yet`);
  return { pod: metadata.name, host: status.podIP, port, problem: () => undefined, close: () => {} };
}

async function* directMetrics({ status }: Pod, port: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  if (status?.podIP === undefined) throw new Error('has no address yet');
  yield* await metricsOf(status.podIP, port, signal);
}
