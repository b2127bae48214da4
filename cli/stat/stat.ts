import { Command } from 'commander';
import { type FigureQuery, subjectTitle, type WorkloadRow } from '../../lib/figures/query.ts';
import type { Traffic } from '../../lib/figures/traffic.ts';
import { stateOption } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { type FiguresPlace, peerOf, warnOfSilent, withFigures } from '../figures/open.ts';
import { shownAgain } from '../figures/shown-again.ts';
import { formatOption, forPrograms } from '../formats.ts';
import {
  calledOption,
  isRoute,
  measuredArgument,
  parseCalled,
  parseMeasured,
  parseResource,
  type Resource,
  resourceOption,
} from '../resource.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { type AskedStats, type StatOptions, unknownTitle } from './asked.ts';
import { routeStats } from './route-stats.ts';
import { figures, statCells, statColumns, wideColumns } from './workload-stats.ts';

/** `tulle stat`: success rate, request rate and latency of workloads, Services and routes. */
export function statCommand(terminal: Terminal): Command {
  return new Command('stat')
    .addArgument(
      measuredArgument('<resource...>', 'kind, or kind/name: deploy, deploy/web, pods, ns, svc/orders, httproute'),
    )
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'of what has these labels')
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .option('-w, --watch', 'go on: a table for each time window, until it is ended')
    .addOption(
      calledOption('--to <resource>', 'only calls to this, as the workloads counted them; of routes a Service'),
    )
    .option('--to-namespace <name>', 'namespace of --to (default: that of the workloads); alone, calls to all of it')
    .addOption(resourceOption('--from <resource>', 'only calls from this, as it counted them'))
    .option(
      '--from-namespace <name>',
      'namespace of --from (default: that of the workloads); alone, calls from all of it',
    )
    .option('--unmeshed', 'workloads without a meshed pod too, as always of a local mesh')
    .option(...stateOption)
    .addOption(formatOption('table', 'wide', 'json', 'yaml'))
    .addHelpText('after', '\nAsks the local mesh when one runs here and neither --kubeconfig nor --context is given.\n')
    .addHelpText('after', 'Example:\n  tulle stat -n shop svc/orders --from deploy/web -t 30s\n')
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<StatOptions>();
      const wanted = parseMeasured(resource);
      const windowMs = parseWaitMs('--time-window', options.timeWindow);
      checkPeers(wanted, options);
      await withFigures(options, terminal, async (place) => {
        const namespace = options.allNamespaces || wanted.kind === 'namespace' ? undefined : place.namespace;
        const asked: AskedStats = {
          ...{ wanted, namespace, windowMs, options },
          title: subjectTitle(wanted),
          where: namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`,
          ...peersOf(options, place.namespace),
        };
        const show = isRoute(wanted) ? routeStats : workloadStats;
        const { watch, output } = options;
        await shownAgain({ watch, windowMs, output }, terminal, place.signal, (signal) =>
          show(asked, { ...place, signal }, terminal),
        );
      });
    });
}

async function workloadStats(
  asked: AskedStats,
  { store, local, signal }: FiguresPlace,
  terminal: Terminal,
): Promise<string> {
  const { wanted, namespace, windowMs, options, title, where, to, from } = asked;
  const query: FigureQuery<'workload' | 'pod'> = {
    by: wanted.kind === 'pod' ? 'pod' : 'workload',
    subject: { ...wanted, namespace, selector: options.selector },
    ...{ to, from, windowMs },
  };
  const { rows, silent } = await store.query(query, signal).catch((error) => {
    throw unknownTitle(error, where);
  });
  const shown = rows.filter(
    ({ meshedPods, lackingSidecars = 0, traffic }) =>
      local || options.unmeshed || lackingSidecars > 0 || meshedPods > 0 || hasTraffic(traffic),
  );
  if (shown.length === 0) {
    throw new CommandError(`no ${title} with a meshed pod in ${where}; --unmeshed shows the others`);
  }
  warnOfSilent(silent, terminal);
  warnOfLacking(shown, terminal);
  const withNamespace = namespace === undefined && wanted.kind !== 'namespace';
  const { output } = options;
  return (
    forPrograms(objectsOf(shown, wanted), output) ??
    table(shown, { withNamespace, withStatus: wanted.kind === 'pod', wide: output === 'wide' })
  );
}

function checkPeers({ kind }: Resource, { to, toNamespace, from, fromNamespace }: StatOptions): void {
  const called = to ?? toNamespace;
  if (called === undefined) return;
  const option = to === undefined ? '--to-namespace' : '--to';
  if (kind === 'service')
    throw new UsageError(`${option} (${called}) must not be given with Services, which do not call`);
  const caller = from ?? fromNamespace;
  if (caller === undefined) return;
  const other = from === undefined ? '--from-namespace' : '--from';
  throw new UsageError(
    `${option} (${called}) must not be given with ${other} (${caller}): whose calls are counted is one`,
  );
}

/** Of whom calls, or to whom, as the options say. */
function peersOf(
  { to, toNamespace, from, fromNamespace }: StatOptions,
  usual: string,
): Pick<FigureQuery, 'to' | 'from'> {
  return {
    to: peerOf(to === undefined ? undefined : parseCalled([to]), toNamespace, usual),
    from: peerOf(from === undefined ? undefined : parseResource([from]), fromNamespace, usual),
  };
}

function warnOfLacking(rows: readonly WorkloadRow[], { err }: Terminal): void {
  for (const { namespace, name, lackingSidecars: lacking = 0 } of rows) {
    if (lacking === 0) continue;
    const pods = lacking === 1 ? 'a pod' : `${lacking} pods`;
    err(`warning: ${pods} of ${namespace}/${name} should have a sidecar and run without: see 'tulle check --proxy'\n`);
  }
}

export interface TableOptions {
  readonly withNamespace?: boolean;
  readonly withStatus?: boolean;
  readonly wide?: boolean;
}

export function table(stats: readonly WorkloadRow[], { withNamespace, withStatus, wide }: TableOptions = {}): string {
  const rows = stats.map((one) => [
    ...(withNamespace ? [one.namespace] : []),
    one.name,
    ...(withStatus ? [one.status ?? '-'] : []),
    ...statCells(one, wide ?? false),
  ]);
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', ...(withStatus ? ['STATUS'] : [])];
  return formatTable([...left, ...statColumns, ...(wide ? wideColumns : [])], rows, left.length);
}

const hasTraffic = ({ successes, failures, openConnections }: Traffic): boolean =>
  successes + failures + openConnections > 0;

const objectsOf = (stats: readonly WorkloadRow[], { kind }: Resource): object[] =>
  stats.map((one) => {
    const { namespace, name, status, pods, meshedPods } = one;
    return { namespace, kind, name, status, meshed: { pods: meshedPods, of: pods }, ...figures(one.traffic) };
  });
