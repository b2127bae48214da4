import type { Pod } from '../lib/kinds/pod.ts';
import { UsageError } from './terminal.ts';

/** What `stat` is asked for: all of a kind, or one of it. */
export interface Resource {
  readonly kind: string;
  readonly name: string | undefined;
}

const aliases: Readonly<Record<string, readonly string[]>> = {
  deployment: ['deploy', 'deployments'],
  statefulset: ['sts', 'statefulsets'],
  daemonset: ['ds', 'daemonsets'],
  replicaset: ['rs', 'replicasets'],
  replicationcontroller: ['rc', 'replicationcontrollers'],
  job: ['jobs'],
  cronjob: ['cj', 'cronjobs'],
  pod: ['po', 'pods'],
  namespace: ['ns', 'namespaces'],
};

/** Reads `deploy`, `deploy/web`, or `deploy web`. Throws a UsageError that names the argument. */
export function parseResource([type, ...names]: readonly string[]): Resource {
  const [kindText, nameInType] = type.split('/');
  const kind = Object.keys(aliases).find((known) => known === kindText || aliases[known].includes(kindText));
  if (kind === undefined) {
    throw new UsageError(`'${kindText}' must be a kind of resource: ${Object.keys(aliases).join(', ')}`);
  }
  const given = [nameInType, ...names].filter((name) => name !== undefined && name !== '');
  if (given.length > 1) throw new UsageError(`one resource at a time: ${[type, ...names].join(' ')} names several`);
  return { kind, name: given[0] };
}

/** What of `kind` a pod belongs to: a workload, a namespace, the pod itself. Undefined when it is of another kind. */
export function ownerName(pod: Pod, kind: string): string | undefined {
  if (kind === 'pod') return pod.metadata.name;
  if (kind === 'namespace') return pod.metadata.namespace;
  return pod.metadata.ownerReferences?.find((owner) => owner.kind.toLowerCase() === kind)?.name;
}
