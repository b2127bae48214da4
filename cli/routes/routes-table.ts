import type { RouteRow } from '../../lib/figures/query.ts';
import { figures, trafficCells } from '../stat/workload-stats.ts';
import { formatTable } from '../table.ts';

const latencies = ['LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99'];
const columns = ['SUCCESS', 'RPS', ...latencies];
/** Of requests as callers saw them, and of their tries. */
const wideColumns = ['EFFECTIVE_SUCCESS', 'EFFECTIVE_RPS', 'ACTUAL_SUCCESS', 'ACTUAL_RPS', ...latencies];

export function routesTable(
  rows: readonly RouteRow[],
  { withNamespace, wide }: { readonly withNamespace?: boolean; readonly wide?: boolean } = {},
): string {
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'ROUTE', 'SERVICE'];
  const cells = rows.map(({ namespace, route, service, traffic, tries }) => {
    const [success, rps, ...rest] = trafficCells(traffic)[0].slice(0, columns.length);
    const actual = wide ? trafficCells(tries)[0].slice(0, 2) : [];
    return [...(withNamespace ? [namespace] : []), route, service, success, rps, ...actual, ...rest];
  });
  return formatTable([...left, ...(wide ? wideColumns : columns)], cells, left.length);
}

/** What programs are told. */
export const routeObjects = (rows: readonly RouteRow[]): object[] =>
  rows.map(({ route, service, namespace, traffic, tries }) => {
    const { success, rps, latencyMs } = figures(traffic);
    const actual = figures(tries);
    return { route, service, namespace, success, rps, latencyMs, tries: { success: actual.success, rps: actual.rps } };
  });
