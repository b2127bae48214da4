import { Command, Option } from 'commander';
import {
  type FigureQuery,
  type Subject,
  subjectTitle,
  UnknownSubject,
  type WorkloadRow,
} from '../../lib/figures/query.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { parseDurationMs } from '../duration.ts';
import { type PlaceOptions, subjectIn, warnOfSilent, withFigures } from '../figures/open.ts';
import { parseResource, type Resource } from '../resource.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { figures, statCells, statColumns, wideColumns } from './workload-stats.ts';

interface StatOptions extends PlaceOptions {
  readonly allNamespaces?: boolean;
  readonly timeWindow: string;
  readonly selector?: string;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly from?: string;
  readonly fromNamespace?: string;
  readonly unmeshed?: boolean;
  readonly output: 'table' | 'wide' | 'json';
}

/** `tulle stat`: success rate, request rate and latency of workloads. */
export function statCommand(terminal: Terminal): Command {
  return new Command('stat')
    .argument('<resource...>', 'kind, or kind/name: deploy, deploy/web, pods, ns')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'of workloads with these labels')
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .addOption(new Option('--to <resource>', 'only calls to this, as the workloads counted them').conflicts('from'))
    .option('--to-namespace <name>', 'namespace of --to (default: that of the workloads)')
    .option('--from <resource>', 'only calls from this, as it counted them')
    .option('--from-namespace <name>', 'namespace of --from (default: that of the workloads)')
    .option('--unmeshed', 'workloads without a meshed pod too, as always of a local mesh')
    .option('--state <folder>', `of a local mesh, its state folder (default: ${defaultStateFolder})`)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'wide', 'json']).default('table'))
    .addHelpText('after', '\nAsks the local mesh when one runs here and neither --kubeconfig nor --context is given.')
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<StatOptions>();
      const wanted = parseResource(resource);
      const windowMs = parseDurationMs('--time-window', options.timeWindow);
      await withFigures(options, terminal, async ({ store, namespace: usual, local, signal }) => {
        const namespace = options.allNamespaces || wanted.kind === 'namespace' ? undefined : usual;
        const query = queryOf(options, wanted, namespace, usual, windowMs);
        const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`;
        const { rows, silent } = await store.query(query, signal).catch((error) => {
          throw unknownTitle(error, place);
        });
        const shown = rows.filter(
          ({ meshedPods, lackingSidecars = 0 }) => local || options.unmeshed || lackingSidecars > 0 || meshedPods > 0,
        );
        if (shown.length === 0) {
          const title = subjectTitle(wanted);
          throw new CommandError(`no ${title} with a meshed pod in ${place}; --unmeshed shows the others`);
        }
        warnOfSilent(silent, terminal);
        warnOfLacking(shown, terminal);
        const withNamespace = namespace === undefined && wanted.kind !== 'namespace';
        terminal.out(
          options.output === 'json'
            ? json(shown, wanted)
            : table(shown, { withNamespace, withStatus: wanted.kind === 'pod', wide: options.output === 'wide' }),
        );
      });
    });
}

function queryOf(
  { selector, to, toNamespace, from, fromNamespace }: StatOptions,
  wanted: Resource,
  namespace: string | undefined,
  usual: string,
  windowMs: number,
): FigureQuery<'workload' | 'pod'> {
  return {
    by: wanted.kind === 'pod' ? 'pod' : 'workload',
    subject: { ...wanted, namespace, selector },
    ...(to === undefined ? {} : { to: { ...parsePeer(to), namespace: toNamespace ?? usual } }),
    ...(from === undefined ? {} : { from: subjectIn(parseResource([from]), fromNamespace ?? usual) }),
    windowMs,
  };
}

function unknownTitle(error: unknown, place: string): unknown {
  if (!(error instanceof UnknownSubject)) return error;
  if (error.role === 'from') return new CommandError(`--from: ${error.message}`);
  return new CommandError(`no ${subjectTitle(error.subject)} in ${place}`);
}

/** Clients know the Service that they call, too. */
function parsePeer(text: string): Subject {
  const service = /^(?:svc|services?)\/(.+)$/.exec(text);
  return service === null ? parseResource([text]) : { kind: 'service', name: service[1] };
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

function json(stats: readonly WorkloadRow[], { kind }: Resource): string {
  const rows = stats.map((one) => {
    const { namespace, name, status, pods, meshedPods } = one;
    return { namespace, kind, name, status, meshed: { pods: meshedPods, of: pods }, ...figures(one.traffic) };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}
