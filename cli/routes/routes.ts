import { Command } from 'commander';
import { type FigureQuery, type Subject, subjectTitle, UnknownSubject } from '../../lib/figures/query.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { parseDurationMs } from '../duration.ts';
import { type PlaceOptions, subjectIn, warnOfSilent, withFigures } from '../figures/open.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { parseResource } from '../resource.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { routeObjects, routesTable } from './routes-table.ts';

interface RoutesOptions extends PlaceOptions {
  readonly to?: string;
  readonly timeWindow: string;
  readonly output: Format;
}

/** `tulle routes`: success rate, request rate and latency by the routes of service profiles. */
export function routesCommand(terminal: Terminal): Command {
  return new Command('routes')
    .argument('<resource...>', 'who calls: deploy/web, pods, ns; or svc/voting, whoever calls it')
    .option('--to <service>', 'only what is called of this Service: svc/voting, or svc/voting.shop')
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .option('--state <folder>', `of a local mesh, its state folder (default: ${defaultStateFolder})`)
    .addOption(formatOption('table', 'json', 'yaml'))
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<RoutesOptions>();
      const windowMs = parseDurationMs('--time-window', options.timeWindow);
      await withFigures(options, terminal, async ({ store, namespace, signal }) => {
        const { subject, to } = asked(resource, options.to, namespace);
        const { rows, silent } = await store.query({ by: 'route', subject, to, windowMs }, signal).catch((error) => {
          throw error instanceof UnknownSubject ? new CommandError(nobodyCalls(error.subject)) : error;
        });
        warnOfSilent(silent, terminal);
        if (rows.length === 0) throw new CommandError(nothingCounted(resource, to));
        terminal.out(forPrograms(routeObjects(rows), options.output) ?? routesTable(rows));
      });
    });
}

/** Of a Service it is everyone who calls. */
function asked(
  resource: readonly string[],
  to: string | undefined,
  namespace: string,
): Pick<FigureQuery, 'subject' | 'to'> {
  const service = parseService(resource.join('/'), namespace);
  if (service !== undefined) {
    if (to !== undefined) throw new UsageError(`--to (${to}) must not be given with a Service, which does not call`);
    return { subject: { kind: 'namespace' }, to: service };
  }
  const calls = to === undefined ? undefined : parseService(to, namespace);
  if (to !== undefined && calls === undefined) throw new UsageError(`--to (${to}) must be a Service: svc/voting`);
  return { subject: subjectIn(parseResource(resource), namespace), to: calls };
}

/** Reads `svc/voting` or `svc/voting.shop`; undefined when it is of another kind. */
function parseService(text: string, namespace: string): Subject | undefined {
  const match = /^(?:svc|services?)\/([^/.]+)(?:\.([^/.]+))?$/.exec(text);
  return match === null ? undefined : { kind: 'service', name: match[1], namespace: match[2] ?? namespace };
}

const nobodyCalls = (subject: Subject): string => {
  const { namespace } = subject;
  const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another)`;
  return `no ${subjectTitle(subject)} in ${place}`;
};

const nothingCounted = (resource: readonly string[], to: Subject | undefined): string => {
  const calls = to === undefined ? '' : ` to svc/${to.name} in namespace ${to.namespace}`;
  return `no request of ${resource.join('/')}${calls} was counted by route: only Services with a ServiceProfile have routes`;
};
