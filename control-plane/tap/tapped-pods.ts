import type { Pod } from '../../lib/kinds/pod.ts';
import { Claims } from '../cluster/claims.ts';
import { isRatherAt, isRunning, podLabels, podOwner, tapPort } from '../cluster/pod-facts.ts';
import { objectKey } from '../sources/object-key.ts';
import type { ObjectSource } from '../sources/object-source.ts';

/** Whose pods are meant. */
export interface PodsOf {
  readonly namespace: string;
  /** `deployment`. */
  readonly kind: string;
  /** Empty for all of the kind in the namespace. */
  readonly name: string;
}

/** The pods of a cluster, by what they belong to and by their addresses. */
export class TappedPods {
  private readonly pods = new Map<string, Pod>();
  private readonly addresses = new Claims();
  private readonly stop: () => void;

  constructor(source: Pick<ObjectSource, 'watch'>) {
    this.stop = source.watch('Pod', ({ type, object }) => {
      const key = objectKey(object);
      const isGone = type === 'deleted' || object.status?.phase === 'Succeeded' || object.status?.phase === 'Failed';
      if (isGone) this.pods.delete(key);
      else this.pods.set(key, object);
      const { podIP, podIPs = [] } = object.status ?? {};
      const ips = new Set([podIP, ...podIPs.map(({ ip }) => ip)].filter((ip) => ip !== undefined));
      // Those of its node are nobody's.
      this.addresses.set(key, isGone || object.spec?.hostNetwork ? [] : [...ips]);
    });
  }

  close(): void {
    this.stop();
  }

  /** Those of a resource that run and may be tapped, and how many of the others there are. */
  of({ namespace, kind, name }: PodsOf): { readonly tapped: readonly Pod[]; readonly others: number } {
    const tapped: Pod[] = [];
    let others = 0;
    for (const pod of this.pods.values()) {
      if (pod.metadata.namespace !== namespace || !belongs(pod, kind, name)) continue;
      if (isRunning(pod) && tapPort(pod) !== undefined && pod.status?.podIP !== undefined) tapped.push(pod);
      else others++;
    }
    return { tapped, others };
  }

  /** What is known of who has an address. */
  labelsAt(ip: string): Record<string, string> | undefined {
    let best: Pod | undefined;
    for (const key of this.addresses.ownersOf(ip)) {
      const pod = this.pods.get(key);
      if (pod !== undefined && (best === undefined || isRatherAt(pod, best))) best = pod;
    }
    return best && { ...podLabels(best), namespace: best.metadata.namespace ?? 'default' };
  }
}

function belongs(pod: Pod, kind: string, name: string): boolean {
  const isMeant = (own: string | undefined): boolean => name === '' || own === name;
  if (kind === 'namespace') return isMeant(pod.metadata.namespace);
  if (kind === 'pod') return isMeant(pod.metadata.name);
  const owner = podOwner(pod);
  if (owner?.kind === kind && isMeant(owner.name)) return true;
  // A ReplicaSet of a Deployment is asked for by its own name.
  return pod.metadata.ownerReferences?.some((own) => own.kind.toLowerCase() === kind && isMeant(own.name)) ?? false;
}
