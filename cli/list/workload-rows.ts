import { decide, type InjectConfig, type Metadata, type PlacedPod } from '../../lib/inject/index.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { sidecarOf } from '../cluster/sidecar.ts';

/** A workload, and how many of its pods are in the mesh. */
export interface ListedWorkload {
  readonly namespace: string;
  /** `deployment/web`; `pod/web` where nothing owns the pod. */
  readonly workload: string;
  readonly pods: number;
  readonly meshedPods: number;
  /** Why the others are not, each reason once. */
  readonly reasons: readonly string[];
}

/** What decides whether pods get sidecars, as far as it is known. */
export interface Injection {
  /** Undefined where no mesh is known. */
  readonly config: InjectConfig | undefined;
  readonly namespaces: readonly Namespace[];
}

/** Would have a sidecar by what is written now: it was made before that was, or while the webhook was away. */
const late = 'was made before the mesh was asked for: restart it';

/** The workloads that pods belong to, in the order of their names. Pods name all of their owners. */
export function workloadRows(pods: readonly Pod[], { config, namespaces }: Injection): ListedWorkload[] {
  const annotated = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata]));
  const byOwner = Map.groupBy(pods, (pod) => `${pod.metadata.namespace ?? ''} ${workloadOf(pod)}`);
  return [...byOwner]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, own]) => {
      const bare = own.filter((pod) => sidecarOf(pod) === undefined);
      const reasons = bare.flatMap((pod) => whyNot(pod, config, annotated.get(pod.metadata.namespace ?? '')));
      return {
        namespace: own[0].metadata.namespace ?? '',
        workload: workloadOf(own[0]),
        pods: own.length,
        meshedPods: own.length - bare.length,
        reasons: [...new Set(reasons)],
      };
    });
}

/** The last of its owners is that of the others: a Deployment behind its ReplicaSet. */
function workloadOf({ metadata: { name, ownerReferences } }: Pod): string {
  const owner = ownerReferences?.at(-1);
  return owner === undefined ? `pod/${name}` : `${owner.kind.toLowerCase()}/${owner.name}`;
}

function whyNot(pod: Pod, config: InjectConfig | undefined, namespace: Namespace['metadata'] | undefined): string[] {
  if (config === undefined) return [];
  const decision = decide(pod as unknown as PlacedPod, namespace as Metadata | undefined, config);
  return decision.inject ? [late] : [...decision.reasons];
}
