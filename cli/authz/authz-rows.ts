import type { AuthorizationRow } from '../../lib/figures/query.ts';
import { noTraffic, type Traffic } from '../../lib/figures/traffic.ts';
import type { HeldAuthorization } from '../../model/held-authorization.ts';
import { figures, trafficCells } from '../stat/workload-stats.ts';
import { formatTable } from '../table.ts';

/** An authorization and what came by it; refusals stand in the first row of their Server and route. */
export interface AuthzRow extends HeldAuthorization {
  /** Undefined where figures were not asked for. */
  readonly traffic?: Traffic;
}

/** What holds, with what sidecars counted of it. */
export function withTraffic(
  held: readonly HeldAuthorization[],
  counted: ReadonlyMap<string, readonly AuthorizationRow[]>,
): AuthzRow[] {
  const told = new Set<string>();
  return held.map((one) => {
    const { server, route, authorization } = one.counted;
    const rows = counted.get(one.workload) ?? [];
    const of = (authorized: string): Traffic | undefined =>
      rows.find((row) => row.server === server && row.route === route && row.authorization === authorized)?.traffic;
    const place = JSON.stringify([one.workload, server, route]);
    const isFirst = !told.has(place);
    told.add(place);
    const traffic = (authorization === '' ? undefined : of(authorization)) ?? noTraffic;
    return { ...one, traffic: { ...traffic, deniedPerSecond: isFirst ? (of('')?.deniedPerSecond ?? 0) : 0 } };
  });
}

const policyColumns = ['ROUTE', 'SERVER', 'AUTHORIZATION_POLICY', 'SERVER_AUTHORIZATION'];
const trafficColumns = ['UNAUTHORIZED', 'SUCCESS', 'RPS', 'LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99'];

export function authzTable(rows: readonly AuthzRow[], wide: boolean): string {
  const workloads = new Set(rows.map(({ workload }) => workload)).size > 1;
  const counted = rows.some(({ traffic }) => traffic !== undefined);
  const left = [...(workloads ? ['WORKLOAD'] : []), 'PORT', ...policyColumns, ...(wide ? ['PROTOCOL'] : []), 'CLIENTS'];
  const cells = rows.map((row) => {
    const policy = row.authorization?.startsWith('ServerAuthorization ') ? undefined : nameIn(row.authorization);
    const authorization = policy === undefined ? nameIn(row.authorization) : undefined;
    return [
      ...(workloads ? [row.workload] : []),
      `${row.port}`,
      nameIn(row.route) ?? '*',
      nameIn(row.server) ?? '-',
      policy ?? '-',
      authorization ?? '-',
      ...(wide ? [row.protocol] : []),
      row.clients,
      ...(counted ? trafficCellsOf(row.traffic ?? noTraffic) : []),
    ];
  });
  return formatTable([...left, ...(counted ? trafficColumns : [])], cells, left.length);
}

/** `orders-from-web` of `AuthorizationPolicy shop/orders-from-web`; what is no object keeps its word: `default:deny`. */
function nameIn(title: string | undefined): string | undefined {
  if (title === undefined) return undefined;
  const [kind, name = ''] = title.split(' ');
  return kind === 'default' ? `default:${name}` : (name.split('/').at(-1) ?? name);
}

function trafficCellsOf(traffic: Traffic): string[] {
  const [responses] = trafficCells(traffic);
  return [`${traffic.deniedPerSecond.toFixed(1)}rps`, ...responses.slice(0, trafficColumns.length - 1)];
}

/** For programs. */
export const authzObjects = (rows: readonly AuthzRow[]): object[] =>
  rows.map(({ counted: _, traffic, ...row }) => {
    if (traffic === undefined) return row;
    const { success, rps, latencyMs } = figures(traffic);
    return { ...row, success, rps, latencyMs, unauthorizedRps: traffic.deniedPerSecond };
  });
