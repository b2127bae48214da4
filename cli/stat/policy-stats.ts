import { Command } from 'commander';
import {
  type FigureQuery,
  type InboundRouteRow,
  type OutboundRouteRow,
  subjectTitle,
  UnknownSubject,
} from '../../lib/figures/query.ts';
import type { Traffic } from '../../lib/figures/traffic.ts';
import { stateOption } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { type PlaceOptions, subjectIn, warnOfSilent, withFigures } from '../figures/open.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { parseResource, resourceArgument } from '../resource.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { routeNames } from './route-names.ts';
import { figures, percent, shareOf, trafficCells } from './workload-stats.ts';

interface PolicyStatOptions extends PlaceOptions {
  readonly allNamespaces?: boolean;
  readonly timeWindow: string;
  readonly selector?: string;
  readonly output: Format;
}

/** One of the two commands: what it asks, and how it shows it. */
interface PolicyStat<By extends 'inboundRoute' | 'outboundRoute', Row> {
  readonly name: string;
  readonly by: By;
  readonly nothing: string;
  readonly table: (rows: readonly Row[], withNamespace: boolean) => string;
  readonly objects: (row: Row) => object;
}

/** `tulle stat-inbound`: what comes in to workloads, by Server and route. */
export const statInboundCommand = (terminal: Terminal): Command =>
  policyStat<'inboundRoute', InboundRouteRow>(terminal, {
    ...{ name: 'stat-inbound', by: 'inboundRoute', nothing: 'no request came in to' },
    table: inboundTable,
    objects: ({ traffic, ...row }) => ({ ...row, ...numbers(traffic) }),
  });

/** `tulle stat-outbound`: what workloads call, by route and backend. */
export const statOutboundCommand = (terminal: Terminal): Command =>
  policyStat<'outboundRoute', OutboundRouteRow>(terminal, {
    ...{ name: 'stat-outbound', by: 'outboundRoute', nothing: 'no call was counted by route of' },
    table: outboundTable,
    objects: ({ traffic, ...row }) => ({
      ...row,
      ...numbers(traffic),
      ...(row.backend === ''
        ? { timeouts: shareOf(traffic.timeouts, traffic), retries: shareOf(traffic.retries, traffic) }
        : {}),
    }),
  });

function policyStat<By extends 'inboundRoute' | 'outboundRoute', Row>(
  terminal: Terminal,
  { name, by, nothing, table, objects }: PolicyStat<By, Row>,
): Command {
  return new Command(name)
    .addArgument(resourceArgument('<resource...>', 'kind, or kind/name: deploy, deploy/web, pods, ns'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'of workloads with these labels')
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .option(...stateOption)
    .addOption(formatOption('table', 'json', 'yaml'))
    .addHelpText('after', `\nExample:\n  tulle ${name} -n shop deploy/web -t 30s\n`)
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<PolicyStatOptions>();
      const { selector, output, timeWindow } = options;
      const wanted = parseResource(resource);
      const windowMs = parseWaitMs('--time-window', timeWindow);
      await withFigures(options, terminal, async ({ store, namespace: usual, signal }) => {
        const namespace = options.allNamespaces ? undefined : usual;
        const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`;
        const query: FigureQuery<By> = { by, subject: { ...subjectIn(wanted, namespace), selector }, windowMs };
        const found = await store.query(query, signal).catch((error) => {
          throw error instanceof UnknownSubject ? new CommandError(`no ${subjectTitle(wanted)} in ${place}`) : error;
        });
        warnOfSilent(found.silent, terminal);
        const rows = found.rows as readonly Row[];
        if (rows.length === 0) throw new CommandError(`${nothing} ${subjectTitle(wanted)} in ${place}`);
        terminal.out(forPrograms(rows.map(objects), output) ?? table(rows, namespace === undefined));
      });
    });
}

const columns = ['SUCCESS', 'RPS', 'LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99'];

export function inboundTable(rows: readonly InboundRouteRow[], withNamespace: boolean): string {
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', 'SERVER', 'ROUTE', 'TYPE'];
  const routeOf = routeNames(
    rows,
    ({ route }) => route,
    ({ namespace, name, server, kind, route }) => [namespace, name, server, kind, route].join(' '),
  );
  const cells = rows.map((row) => [
    ...(withNamespace ? [row.namespace] : []),
    ...[row.name, row.server, routeOf(row) || '*', row.kind || '-', ...cellsOf(row.traffic)],
  ]);
  return formatTable([...left, ...columns], cells, left.length);
}

/** Backends stand below their route; what of a route was tried again or took too long is a share of its requests. */
export function outboundTable(rows: readonly OutboundRouteRow[], withNamespace: boolean): string {
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', 'SERVICE', 'ROUTE', 'TYPE', 'BACKEND'];
  const routeOf = routeNames(
    rows,
    ({ route }) => route,
    ({ namespace, name, service, kind, route }) => [namespace, name, service, kind, route].join(' '),
  );
  const cells = rows.map((row) => {
    const { namespace, name, service, kind, backend, traffic } = row;
    const isWhole = backend === '';
    return [
      ...(withNamespace ? [namespace] : []),
      ...[name, service, routeOf(row) || '*', kind || '-', isWhole ? '-' : `└ ${backend}`, ...cellsOf(traffic)],
      ...(isWhole ? [percent(traffic.timeouts, traffic), percent(traffic.retries, traffic)] : ['-', '-']),
    ];
  });
  return formatTable([...left, ...columns, 'TIMEOUTS', 'RETRIES'], cells, left.length);
}

const cellsOf = (traffic: Traffic): string[] => trafficCells(traffic)[0].slice(0, columns.length);

function numbers(traffic: Traffic): object {
  const { success, rps, latencyMs } = figures(traffic);
  return { success, rps, latencyMs };
}
