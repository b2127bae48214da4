import type { RouteRow } from '../../lib/figures/query.ts';
import { figures, trafficCells } from '../stat/workload-stats.ts';
import { formatTable } from '../table.ts';

const columns = ['SUCCESS', 'RPS', 'LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99'] as const;

export function routesTable(rows: readonly RouteRow[], withNamespace = false): string {
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'ROUTE', 'SERVICE'];
  const cells = rows.map(({ namespace, route, service, traffic }) => {
    const [responses] = trafficCells(traffic);
    return [...(withNamespace ? [namespace] : []), route, service, ...responses.slice(0, columns.length)];
  });
  return formatTable([...left, ...columns], cells, left.length);
}

/** What programs are told. */
export const routeObjects = (rows: readonly RouteRow[]): object[] =>
  rows.map(({ route, service, namespace, traffic }) => {
    const { success, rps, latencyMs } = figures(traffic);
    return { route, service, namespace, success, rps, latencyMs };
  });
