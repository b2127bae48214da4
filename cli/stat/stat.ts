import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { type ClusterOptions, clusterPlace, connectCluster, explain } from '../cluster/cluster.ts';
import { sidecarOf } from '../cluster/sidecar.ts';
import { parseDurationMs } from '../duration.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { clusterFigures } from './cluster-figures.ts';
import type { FiguresSource, Measurement, Workload } from './figures-source.ts';
import { localFigures, runsLocally } from './local-figures.ts';
import { callers, type Direction, trafficOfWorkload } from './peer.ts';
import { parseResource, type Resource } from './resource.ts';
import { formatTable } from './table.ts';
import { figures, statCells, statColumns, type WorkloadStats, wideColumns } from './workload-stats.ts';

/** Where figures are asked for. */
export interface PlaceOptions extends ClusterOptions {
  readonly state?: string;
}

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
      const { source, namespace: usual, title, local } = await openSource(options, terminal);
      try {
        const direction = directionOf(options, usual);
        const namespace = options.allNamespaces || wanted.kind === 'namespace' ? undefined : usual;
        const { selector, unmeshed } = options;
        const found = await select(source, wanted, namespace, { selector, unmeshed: local || unmeshed });
        const measured = (await callers(source, found, direction)).flatMap(({ pods }) => pods);
        const measurement = await source.measure(measured, windowMs);
        warnOfSilent(measurement, terminal);
        warnOfLacking(found, terminal);
        const stats = workloadStats(found, wanted, measurement, direction);
        const withNamespace = namespace === undefined && wanted.kind !== 'namespace';
        terminal.out(
          options.output === 'json'
            ? json(stats, wanted)
            : table(stats, { withNamespace, withStatus: wanted.kind === 'pod', wide: options.output === 'wide' }),
        );
      } catch (error) {
        throw error instanceof ApiError ? new CommandError(explain(error, { title })) : error;
      } finally {
        source.close();
      }
    });
}

/** The mesh that is asked, and the namespace when none is given. */
export async function openSource(
  options: PlaceOptions,
  terminal: Terminal,
): Promise<{ source: FiguresSource; namespace: string; title: string; local: boolean }> {
  const stateFolder = resolve(terminal.cwd, options.state ?? defaultStateFolder);
  const named = options.kubeconfig !== undefined || options.context !== undefined;
  const local = options.state !== undefined || (!named && (await runsLocally(stateFolder)));
  if (local || (!named && clusterPlace(options, terminal) === undefined)) {
    const namespace = options.namespace ?? 'default';
    return { source: await localFigures(stateFolder), namespace, title: 'the local mesh', local: true };
  }
  const cluster = await connectCluster(options, terminal);
  const source = clusterFigures(cluster, (message) => terminal.err(`warning: ${message}\n`));
  return { source, namespace: cluster.namespace, title: cluster.title, local: false };
}

function directionOf({ to, toNamespace, from, fromNamespace }: StatOptions, namespace: string): Direction {
  if (to !== undefined) return { kind: 'to', peer: parsePeer(to), namespace: toNamespace ?? namespace };
  if (from !== undefined) return { kind: 'from', peer: parseResource([from]), namespace: fromNamespace ?? namespace };
  return { kind: 'inbound' };
}

/** Clients know the Service that they call, too. */
function parsePeer(text: string): Resource {
  const service = /^(?:svc|services?)\/(.+)$/.exec(text);
  return service === null ? parseResource([text]) : { kind: 'service', name: service[1] };
}

async function select(
  source: FiguresSource,
  resource: Resource,
  namespace: string | undefined,
  { selector, unmeshed }: Pick<StatOptions, 'selector' | 'unmeshed'>,
): Promise<Workload[]> {
  const found = await source.workloads({ resource, namespace, selector });
  const title = [resource.kind, resource.name].filter(Boolean).join('/');
  const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`;
  if (found.length === 0) throw new CommandError(`no ${title} in ${place}`);
  const shown = found.filter(
    ({ pods, lackingSidecars = 0 }) =>
      unmeshed || lackingSidecars > 0 || pods.some((pod) => sidecarOf(pod) !== undefined),
  );
  if (shown.length > 0) return shown;
  throw new CommandError(`no ${title} with a meshed pod in ${place}; --unmeshed shows the others`);
}

export function warnOfSilent({ silent }: Measurement, { err }: Terminal): void {
  for (const [{ metadata }, reason] of silent) {
    err(`warning: the sidecar of ${metadata.namespace}/${metadata.name} is not counted: ${reason}\n`);
  }
}

function warnOfLacking(workloads: readonly Workload[], { err }: Terminal): void {
  for (const { namespace, name, lackingSidecars: lacking = 0 } of workloads) {
    if (lacking === 0) continue;
    const pods = lacking === 1 ? 'a pod' : `${lacking} pods`;
    err(`warning: ${pods} of ${namespace}/${name} should have a sidecar and run without: see 'tulle check --proxy'\n`);
  }
}

/** One row for each workload. */
export function workloadStats(
  workloads: readonly Workload[],
  resource: Resource,
  measurement: Measurement,
  direction: Direction = { kind: 'inbound' },
): WorkloadStats[] {
  return workloads.map((workload) => ({
    namespace: workload.namespace,
    name: workload.name,
    ...(resource.kind === 'pod' ? { status: workload.pods[0]?.status?.phase } : {}),
    pods: workload.pods.length,
    meshedPods: workload.pods.filter((pod) => sidecarOf(pod) !== undefined).length,
    traffic: trafficOfWorkload(workload, resource, direction, measurement),
  }));
}

export interface TableOptions {
  readonly withNamespace?: boolean;
  readonly withStatus?: boolean;
  readonly wide?: boolean;
}

export function table(stats: readonly WorkloadStats[], { withNamespace, withStatus, wide }: TableOptions = {}): string {
  const rows = stats.map((one) => [
    ...(withNamespace ? [one.namespace] : []),
    one.name,
    ...(withStatus ? [one.status ?? '-'] : []),
    ...statCells(one, wide ?? false),
  ]);
  const left = [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', ...(withStatus ? ['STATUS'] : [])];
  return formatTable([...left, ...statColumns, ...(wide ? wideColumns : [])], rows, left.length);
}

function json(stats: readonly WorkloadStats[], { kind }: Resource): string {
  const rows = stats.map((one) => {
    const { namespace, name, status, pods, meshedPods } = one;
    return { namespace, kind, name, status, meshed: { pods: meshedPods, of: pods }, ...figures(one) };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}
