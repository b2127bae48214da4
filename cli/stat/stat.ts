import { Command } from 'commander';
import { type FigureQuery, type Silent, subjectTitle, type WorkloadRow } from '../../lib/figures/query.ts';
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
  parseResource,
  parseSeveral,
  type Resource,
  resourceOption,
} from '../resource.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { type AskedStats, NoneFound, type StatOptions, unknownTitle } from './asked.ts';
import { routeStats } from './route-stats.ts';
import { figures, statCells, statColumns, wideColumns } from './workload-stats.ts';

/** `tulle stat`: success rate, request rate and latency of workloads, Services and routes. */
export function statCommand(terminal: Terminal): Command {
  return new Command('stat')
    .addArgument(
      measuredArgument(
        '<resource...>',
        'kind, or kind/name: deploy, deploy/web, pods, ns, svc/orders, httproute; several: deploy web api, deploy,sts, all',
      ),
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
      const several = parseSeveral(resource);
      const route = several.find(isRoute);
      if (several.length > 1 && route !== undefined)
        throw new UsageError(`one kind of route at a time, all of it or one: ${resource.join(' ')} names several`);
      const windowMs = parseWaitMs('--time-window', options.timeWindow);
      for (const wanted of several) checkPeers(wanted, options);
      await withFigures(options, terminal, async (place) => {
        const asked = several.map((wanted): AskedStats => {
          const namespace = options.allNamespaces || wanted.kind === 'namespace' ? undefined : place.namespace;
          return {
            ...{ wanted, namespace, windowMs, options },
            title: subjectTitle(wanted),
            where: namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`,
            ...peersOf(options, place.namespace),
          };
        });
        const { watch, output } = options;
        await shownAgain({ watch, windowMs, output }, terminal, place.signal, (signal) =>
          route === undefined
            ? workloadStats(asked, { ...place, signal }, terminal)
            : routeStats(asked[0], { ...place, signal }, terminal),
        );
      });
    });
}

interface Measured {
  readonly asked: AskedStats;
  readonly rows: readonly WorkloadRow[];
  readonly silent: Silent;
}

/** What is asked for, each by itself at once; of several kinds, those of which there is none are left out. */
async function workloadStats(several: readonly AskedStats[], place: FiguresPlace, terminal: Terminal): Promise<string> {
  const found: Measured[] = [];
  const missing: NoneFound[] = [];
  await Promise.all(
    several.map(async (asked, index) => {
      try {
        found[index] = await measured(asked, place);
      } catch (error) {
        if (!(error instanceof NoneFound) || asked.wanted.name !== undefined) throw error;
        missing.push(error);
      }
    }),
  );
  const kinds = Map.groupBy(
    found.filter((one) => one !== undefined),
    ({ asked }) => asked.wanted.kind,
  );
  if (kinds.size === 0) throw new CommandError(missing.map(({ message }) => message).join('\nerror: '));
  const all = [...kinds.values()].flat();
  warnOfSilent(allSilent(all), terminal);
  for (const { rows } of all) warnOfLacking(rows, terminal);
  const { output } = several[0].options;
  const objects = all.flatMap(({ rows, asked }) => objectsOf(rows, asked.wanted));
  const tables = (): string[] =>
    [...kinds].map(([kind, ofKind]) =>
      table(
        ofKind.flatMap(({ rows }) => rows),
        {
          withNamespace: ofKind[0].asked.namespace === undefined && kind !== 'namespace',
          ...{ withStatus: kind === 'pod', wide: output === 'wide', kind: kinds.size > 1 ? kind : undefined },
        },
      ),
    );
  return forPrograms(objects, output) ?? tables().join('\n');
}

async function measured(asked: AskedStats, { store, local, signal }: FiguresPlace): Promise<Measured> {
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
  if (shown.length > 0) return { asked, rows: shown, silent };
  throw new NoneFound(`no ${title} with a meshed pod in ${where}; --unmeshed shows the others`);
}

/** A sidecar is asked for each resource that it counts for, and told of once. */
function allSilent(all: readonly Measured[]): Silent {
  const some = new Map(
    all.flatMap(({ silent }) => silent.some).map((one) => [`${one.namespace}/${one.name}`, one] as const),
  );
  return { some: [...some.values()], count: Math.max(some.size, ...all.map(({ silent }) => silent.count)) };
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
  /** Stands before each name where there are tables of several kinds. */
  readonly kind?: string;
}

export function table(
  stats: readonly WorkloadRow[],
  { withNamespace, withStatus, wide, kind }: TableOptions = {},
): string {
  const rows = stats.map((one) => [
    ...(withNamespace ? [one.namespace] : []),
    kind === undefined ? one.name : `${kind}/${one.name}`,
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
