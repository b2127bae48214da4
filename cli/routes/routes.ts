import { Command, Option } from 'commander';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { explain } from '../cluster/cluster.ts';
import { parseDurationMs } from '../duration.ts';
import type { FiguresSource } from '../stat/figures-source.ts';
import { parseResource, type Resource } from '../stat/resource.ts';
import { openSource, type PlaceOptions, warnOfSilent } from '../stat/stat.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { type RouteFilter, routeStats, routesJson, routesTable } from './route-stats.ts';

interface RoutesOptions extends PlaceOptions {
  readonly to?: string;
  readonly timeWindow: string;
  readonly output: 'table' | 'json';
}

/** `tulle routes`: success rate, request rate and latency by the routes of service profiles. */
export function routesCommand(terminal: Terminal): Command {
  return new Command('routes')
    .argument('<resource...>', 'who calls: deploy/web, pods, ns; or svc/voting, whoever calls it')
    .option('--to <service>', 'only what is called of this Service: svc/voting, or svc/voting.shop')
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .option('--state <folder>', `of a local mesh, its state folder (default: ${defaultStateFolder})`)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<RoutesOptions>();
      const windowMs = parseDurationMs('--time-window', options.timeWindow);
      const { source, namespace, title } = await openSource(options, terminal);
      try {
        const { callers, calls } = asked(resource, options.to, namespace);
        const pods = (await workloads(source, callers, namespace)).flatMap((workload) => workload.pods);
        const measurement = await source.measure(pods, windowMs);
        warnOfSilent(measurement, terminal);
        const stats = routeStats(measurement, pods, calls, await source.profiles());
        if (stats.length === 0) throw new CommandError(nothingCounted(resource, calls));
        terminal.out(options.output === 'json' ? routesJson(stats) : routesTable(stats));
      } catch (error) {
        throw error instanceof ApiError ? new CommandError(explain(error, { title })) : error;
      } finally {
        source.close();
      }
    });
}

interface Asked {
  /** Undefined: everyone. */
  readonly callers: Resource | undefined;
  /** Undefined: whatever they call. */
  readonly calls: RouteFilter | undefined;
}

function asked(resource: readonly string[], to: string | undefined, namespace: string): Asked {
  const service = parseService(resource.join('/'), namespace);
  if (service !== undefined) {
    if (to !== undefined) throw new CommandError(`--to (${to}) must not be given with a Service, which does not call`);
    return { callers: undefined, calls: service };
  }
  const calls = to === undefined ? undefined : parseService(to, namespace);
  if (to !== undefined && calls === undefined) throw new CommandError(`--to (${to}) must be a Service: svc/voting`);
  return { callers: parseResource(resource), calls };
}

/** Reads `svc/voting` or `svc/voting.shop`; undefined when it is of another kind. */
function parseService(text: string, namespace: string): RouteFilter | undefined {
  const match = /^(?:svc|services?)\/([^/.]+)(?:\.([^/.]+))?$/.exec(text);
  return match === null ? undefined : { service: match[1], namespace: match[2] ?? namespace };
}

async function workloads(source: FiguresSource, callers: Resource | undefined, namespace: string) {
  if (callers === undefined) {
    return source.workloads({ resource: { kind: 'namespace', name: undefined }, namespace: undefined });
  }
  const place = callers.kind === 'namespace' ? undefined : namespace;
  const found = await source.workloads({ resource: callers, namespace: place });
  if (found.length > 0) return found;
  const what = [callers.kind, callers.name].filter(Boolean).join('/');
  throw new CommandError(`no ${what} in ${place === undefined ? 'the mesh' : `namespace ${place} (-n names another)`}`);
}

const nothingCounted = (resource: readonly string[], calls: RouteFilter | undefined): string => {
  const to = calls === undefined ? '' : ` to svc/${calls.service} in namespace ${calls.namespace}`;
  return `no request of ${resource.join('/')}${to} was counted by route: only Services with a ServiceProfile have routes`;
};
