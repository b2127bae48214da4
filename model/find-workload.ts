import { type Workload, workloadName } from './workload.ts';
import type { WorkloadLike } from './workload-like.ts';

/** The workload that is meant. Throws when there is none, or more than one. */
export function find(workloads: readonly Workload[], like: WorkloadLike): Workload {
  const wanted = typeof like === 'string' ? partsOf(like) : partsOfConstruct(like);
  const found = workloads.filter(
    ({ name, namespace, kind }) =>
      name === wanted.name &&
      (wanted.namespace === undefined || namespace === wanted.namespace) &&
      (wanted.kind === undefined || kind.toLowerCase() === wanted.kind.toLowerCase()),
  );
  if (found.length === 1) return found[0];
  const shown = [wanted.namespace, wanted.kind?.toLowerCase(), wanted.name]
    .filter((part) => part !== undefined)
    .join('/');
  if (found.length > 1) throw new Error(`'${shown}' may be ${found.map(workloadName).join(' or ')}: write which`);
  const all = workloads.map(workloadName).sort().slice(0, 20);
  throw new Error(`'${shown}' is no workload of the manifests, which have ${all.join(', ') || 'none'}`);
}

interface Wanted {
  readonly namespace: string | undefined;
  readonly kind: string | undefined;
  readonly name: string;
}

/** `web`, `shop/web` or `shop/deployment/web`. */
function partsOf(text: string): Wanted {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some((part) => part === '')) {
    throw new Error(`'${text}' must be the name of a workload, such as shop/web or shop/deployment/web`);
  }
  const name = parts.at(-1) as string;
  return { namespace: parts.length > 1 ? parts[0] : undefined, kind: parts.length > 2 ? parts[1] : undefined, name };
}

const partsOfConstruct = ({ name, kind, metadata, mesh }: Exclude<WorkloadLike, string>): Wanted => ({
  name,
  kind,
  namespace: mesh?.namespace ?? metadata?.namespace,
});
