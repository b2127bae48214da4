import type { EdgeRow } from '../../lib/figures/query.ts';

/** What of the mesh does not hold: plaintext requests, workloads that nobody called. Empty when all is well. */
export function findFaults(found: readonly EdgeRow[], expected: readonly (readonly [string, string])[]): string[] {
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
export function edgeRows(found: readonly EdgeRow[]): string[][] {
  const rows = new Map<string, { edge: EdgeRow; requests: number; insecure: string | undefined }>();
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
