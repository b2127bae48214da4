import type { Sample } from '../../lib/figures/exposition.ts';
import type { Pod } from '../../lib/kinds/pod.ts';

/** Requests from one workload to another, as one of their two sidecars counted them. */
export interface Edge {
  readonly source: string;
  readonly target: string;
  /** Which sidecar says so. */
  readonly seenBy: 'source' | 'target';
  readonly requests: number;
  /** Why the requests were not mutually authenticated; undefined when they were. */
  readonly insecure: string | undefined;
}

/** The edges that the sidecars of `pods` have counted requests on, by what each says of its peer. */
export function edges(metrics: ReadonlyMap<Pod, readonly Sample[]>): Edge[] {
  return [...metrics].flatMap(([pod, samples]) =>
    samples
      .filter(({ name, value }) => name === 'request_total' && value > 0)
      .map(({ labels, value }): Edge => {
        const own = pod.metadata.ownerReferences?.[0]?.name ?? pod.metadata.name;
        const inbound = labels.direction === 'inbound';
        const peer = inbound ? labels.client_id : labels.server_id;
        const other = (inbound ? peer?.split('.')[0] : labels.dst_deployment) || labels.authority || 'unknown';
        const secure = labels.tls === 'true' && peer !== undefined && peer !== '';
        return {
          source: inbound ? other : own,
          target: inbound ? own : other,
          seenBy: inbound ? 'target' : 'source',
          requests: value,
          insecure: secure ? undefined : (labels.no_tls_reason ?? `tls=${labels.tls}`),
        };
      }),
  );
}

/** What of the mesh does not hold: plaintext requests, workloads that nobody called. Empty when all is well. */
export function findFaults(found: readonly Edge[], expected: readonly (readonly [string, string])[]): string[] {
  const insecure = found
    .filter((edge) => edge.insecure !== undefined)
    .map((edge) => `${edge.requests} requests from ${edge.source} to ${edge.target} were not mTLS (${edge.insecure})`);
  const missing = expected.flatMap(([source, target]) =>
    (['source', 'target'] as const)
      .filter((side) => !found.some((edge) => edge.source === source && edge.target === target && edge.seenBy === side))
      .map((side) => `no request from ${source} to ${target} was counted by the sidecar of the ${side}`),
  );
  return [...insecure, ...missing];
}

/** Rows SRC, DST, REQUESTS, SECURED: one for each pair of workloads, by what the target counted. */
export function edgeRows(found: readonly Edge[]): string[][] {
  const rows = new Map<string, { edge: Edge; requests: number; insecure: string | undefined }>();
  for (const edge of found) {
    const key = `${edge.source} ${edge.target}`;
    const row = rows.get(key) ?? { edge, requests: 0, insecure: undefined };
    if (edge.seenBy === 'target') row.requests += edge.requests;
    row.insecure ??= edge.insecure;
    rows.set(key, row);
  }
  return [...rows.values()]
    .map(({ edge, requests, insecure }) => [edge.source, edge.target, `${requests}`, insecure ?? '√'])
    .sort(([a, b], [c, d]) => (`${a} ${b}` < `${c} ${d}` ? -1 : 1));
}
