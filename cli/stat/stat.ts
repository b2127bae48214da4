import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { Pod } from '../../control-plane/sources/kubernetes-object.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { parseDurationMs } from '../duration.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import type { Sample } from './exposition.ts';
import { localPods, sidecarOf } from './local-pods.ts';
import { ownerName, parseResource, type Resource } from './resource.ts';
import { scrape } from './scrape.ts';
import { formatTable } from './table.ts';
import { sumTraffic, trafficBetween } from './traffic.ts';
import { figures, statColumns, statRow, type WorkloadStats } from './workload-stats.ts';

interface StatOptions {
  namespace?: string;
  allNamespaces?: boolean;
  timeWindow: string;
  state: string;
  output: 'table' | 'json';
}

/** `tulle stat`: success rate, request rate and latency of workloads. */
export function statCommand(terminal: Terminal): Command {
  const { out, err, cwd } = terminal;
  return new Command('stat')
    .description('show success rate, request rate and latency of workloads')
    .argument('<resource...>', 'kind, or kind/name: deploy, deploy/web, pods, ns')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .option('--state <folder>', 'state folder of the local mesh', defaultStateFolder)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<StatOptions>();
      const wanted = parseResource(resource);
      const windowMs = parseDurationMs('--time-window', options.timeWindow);
      const namespace =
        options.allNamespaces || wanted.kind === 'namespace' ? undefined : (options.namespace ?? 'default');
      const { pods } = await localPods(resolve(cwd, options.state));
      const found = measure(pods, wanted, namespace ?? undefined);
      if (found.length === 0) {
        const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`;
        throw new CommandError(`no ${[wanted.kind, wanted.name].filter(Boolean).join('/')} in ${place}`);
      }
      const before = await scrapeAll(found);
      await sleep(windowMs);
      const after = await scrapeAll(found);
      for (const pod of found) {
        if (sidecarOf(pod) !== undefined && after.get(pod) === undefined) {
          err(`warning: the sidecar of ${pod.metadata.namespace}/${pod.metadata.name} does not answer\n`);
        }
      }
      const stats = workloadStats(found, wanted, before, after);
      out(
        options.output === 'json'
          ? json(stats, wanted, windowMs)
          : table(stats, namespace === undefined && wanted.kind !== 'namespace', windowMs),
      );
    });
}

/** The pods that the resource is about. */
function measure(pods: readonly Pod[], { kind, name }: Resource, namespace: string | undefined): Pod[] {
  return pods.filter((pod) => {
    const owner = ownerName(pod, kind);
    if (owner === undefined || (name !== undefined && owner !== name)) return false;
    return namespace === undefined || pod.metadata.namespace === namespace;
  });
}

/** Samples by pod; pods without a sidecar, or one that does not answer, are missing. */
export async function scrapeAll(pods: readonly Pod[]): Promise<Map<Pod, readonly Sample[]>> {
  const scraped = await Promise.all(pods.map(async (pod) => [pod, await scrape(pod)] as const));
  return new Map(scraped.filter((entry): entry is [Pod, readonly Sample[]] => entry[1] !== undefined));
}

/** One row for each workload, by namespace and name. */
export function workloadStats(
  pods: readonly Pod[],
  { kind }: Resource,
  before: ReadonlyMap<Pod, readonly Sample[]>,
  after: ReadonlyMap<Pod, readonly Sample[]>,
): WorkloadStats[] {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const key = `${pod.metadata.namespace} ${ownerName(pod, kind)}`;
    groups.set(key, [...(groups.get(key) ?? []), pod]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, members]) => {
      const [namespace, name] = key.split(' ');
      return {
        namespace,
        name,
        pods: members.length,
        meshedPods: members.filter((pod) => sidecarOf(pod) !== undefined).length,
        traffic: sumTraffic(members.map((pod) => trafficBetween(before.get(pod) ?? [], after.get(pod) ?? []))),
      };
    });
}

export function table(stats: readonly WorkloadStats[], withNamespace: boolean, windowMs: number): string {
  const rows = stats.map((one) => [...(withNamespace ? [one.namespace] : []), ...statRow(one, windowMs)]);
  return formatTable([...(withNamespace ? ['NAMESPACE'] : []), ...statColumns], rows, withNamespace ? 2 : 1);
}

function json(stats: readonly WorkloadStats[], { kind }: Resource, windowMs: number): string {
  const rows = stats.map((one) => {
    const { success, rps, latencyMs, tcpConnections } = figures(one, windowMs);
    const { namespace, name, pods, meshedPods } = one;
    return { namespace, kind, name, meshed: { pods: meshedPods, of: pods }, success, rps, latencyMs, tcpConnections };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}
