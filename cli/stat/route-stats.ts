import type { FigureQuery, GatewayRouteRow } from '../../lib/figures/query.ts';
import type { Traffic } from '../../lib/figures/traffic.ts';
import { type FiguresPlace, warnOfSilent } from '../figures/open.ts';
import { forPrograms } from '../formats.ts';
import { isBytesRoute, type Resource } from '../resource.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { type AskedStats, unknownTitle } from './asked.ts';
import { routeNames } from './route-names.ts';
import { figures, percent, shareOf, trafficCells } from './workload-stats.ts';

/** What `stat httproute`, and the like, prints: each route by what it is a route of. */
export async function routeStats(
  asked: AskedStats,
  { store, signal }: FiguresPlace,
  terminal: Terminal,
): Promise<string> {
  const { wanted, namespace, windowMs, options, title, where, to, from } = asked;
  if (to !== undefined && (to.kind !== 'service' || to.name === undefined))
    throw new UsageError(
      options.to === undefined
        ? `--to-namespace (${options.toNamespace}) must be that of a Service where routes are asked for: add --to svc/orders`
        : `--to (${options.to}) must be a Service where routes are asked for: svc/orders`,
    );
  const query: FigureQuery<'gatewayRoute'> = {
    ...{ by: 'gatewayRoute', subject: { ...wanted, namespace, selector: options.selector } },
    ...{ to, from, windowMs },
  };
  const { rows, silent } = await store.query(query, signal).catch((error) => {
    throw unknownTitle(error, where);
  });
  warnOfSilent(silent, terminal);
  if (rows.length === 0) {
    const parent = to === undefined ? 'Service, Server or EgressNetwork' : `Service ${to.namespace}/${to.name}`;
    throw new CommandError(`no ${title} in ${where} is one of a ${parent}`);
  }
  const { output } = options;
  return (
    forPrograms(routeObjects(rows, wanted), output) ??
    routeTable(rows, wanted, { withNamespace: namespace === undefined, wide: output === 'wide' })
  );
}

const requestColumns = ['SUCCESS', 'RPS', 'LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99'];

export function routeTable(
  rows: readonly GatewayRouteRow[],
  wanted: Pick<Resource, 'kind'>,
  { withNamespace, wide }: { readonly withNamespace?: boolean; readonly wide?: boolean } = {},
): string {
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', 'PARENT'];
  const bytes = isBytesRoute(wanted);
  const right = bytes ? ['SUCCESS', 'CONN/SEC'] : [...requestColumns, ...(wide ? ['TIMEOUTS', 'RETRIES'] : [])];
  const nameOf = routeNames(
    rows,
    ({ name }) => name,
    ({ namespace, name }) => `${namespace}/${name}`,
  );
  const cells = rows.map((row) => [
    ...(withNamespace ? [row.namespace] : []),
    ...[nameOf(row), parentOf(row)],
    ...(bytes ? connectionCells(row.traffic) : requestCells(row.traffic, wide ?? false)),
  ]);
  return formatTable([...left, ...right], cells, left.length);
}

function routeObjects(rows: readonly GatewayRouteRow[], wanted: Resource): object[] {
  return rows.map(({ namespace, name, group, parentKind, parentNamespace, parent, parentPort, traffic }) => {
    const { success, rps, latencyMs } = figures(traffic);
    const port = parentPort === '' ? undefined : Number(parentPort);
    return {
      ...{ namespace, kind: wanted.kind, group, name },
      parent: { kind: parentKind, namespace: parentNamespace, name: parent, port },
      success,
      ...(isBytesRoute(wanted)
        ? { connectionsPerSecond: openedOf(traffic) }
        : { rps, latencyMs, timeouts: shareOf(traffic.timeouts, traffic), retries: shareOf(traffic.retries, traffic) }),
    };
  });
}

/** `service/orders:80`, with its namespace where that is not the route's. */
function parentOf({ namespace, parentKind, parentNamespace, parent, parentPort }: GatewayRouteRow): string {
  const name = parentNamespace === namespace ? parent : `${parent}.${parentNamespace}`;
  return `${parentKind}/${name}${parentPort === '' ? '' : `:${parentPort}`}`;
}

function requestCells(traffic: Traffic, wide: boolean): string[] {
  const [responses] = trafficCells(traffic);
  const shares = [percent(traffic.timeouts, traffic), percent(traffic.retries, traffic)];
  return [...responses.slice(0, requestColumns.length), ...(wide ? shares : [])];
}

/** A connection that goes on is neither well nor ill yet. */
function connectionCells(traffic: Traffic): string[] {
  const [[success]] = trafficCells(traffic);
  const opened = openedOf(traffic);
  return [success, opened === undefined ? '-' : `${opened.toFixed(1)}/s`];
}

const openedOf = ({ successes, failures, openedPerSecond }: Traffic): number | undefined =>
  successes + failures + openedPerSecond > 0 ? openedPerSecond : undefined;
