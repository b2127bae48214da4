import { Command } from 'commander';
import { type FigureQuery, type Subject, subjectTitle, UnknownSubject } from '../../lib/figures/query.ts';
import { stateOption } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { type PlaceOptions, peerOf, subjectIn, warnOfSilent, withFigures } from '../figures/open.ts';
import { shownAgain } from '../figures/shown-again.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { calledArgument, parseResource, resourceOption, serviceAsked } from '../resource.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { routeObjects, routesTable } from './routes-table.ts';

interface RoutesOptions extends PlaceOptions {
  readonly allNamespaces?: boolean;
  readonly to?: string;
  readonly from?: string;
  readonly fromNamespace?: string;
  readonly timeWindow: string;
  readonly watch?: boolean;
  readonly output: Format;
}

/** `tulle routes`: success rate, request rate and latency by the routes of service profiles. */
export function routesCommand(terminal: Terminal): Command {
  return new Command('routes')
    .addArgument(
      calledArgument(
        '<resource...>',
        'who calls: deploy/web, pods, ns; or what is called, whoever calls it: svc/voting, svc',
      ),
    )
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--to <service>', 'only what is called of this Service: svc/voting, or svc/voting.shop')
    .addOption(resourceOption('--from <resource>', 'of a Service, only what this calls: deploy/web'))
    .option(
      '--from-namespace <name>',
      'namespace of --from (default: that of the Service); alone, all that call from it',
    )
    .option('-t, --time-window <duration>', 'how long to measure', '5s')
    .option('-w, --watch', 'go on: a table for each time window, until it is ended')
    .option(...stateOption)
    .addOption(formatOption('table', 'wide', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle routes -n shop svc/orders --from deploy/web -t 30s\n')
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<RoutesOptions>();
      const { watch, output, allNamespaces = false } = options;
      const windowMs = parseWaitMs('--time-window', options.timeWindow);
      await withFigures(options, terminal, async ({ store, namespace, signal }) => {
        const { subject, to } = asked(resource, options, namespace);
        await shownAgain({ watch, windowMs, output }, terminal, signal, async (signal) => {
          const { rows, silent } = await store.query({ by: 'route', subject, to, windowMs }, signal).catch((error) => {
            throw error instanceof UnknownSubject ? new CommandError(nobodyCalls(error.subject, options)) : error;
          });
          warnOfSilent(silent, terminal);
          if (rows.length === 0) throw new CommandError(nothingCounted(resource, options, to));
          return (
            forPrograms(routeObjects(rows), output) ??
            routesTable(rows, { withNamespace: allNamespaces, wide: output === 'wide' })
          );
        });
      });
    });
}

/** Of a Service it is everyone who calls, unless somebody is named. */
function asked(
  resource: readonly string[],
  { to, from, fromNamespace, allNamespaces }: RoutesOptions,
  usual: string,
): Pick<FigureQuery, 'subject' | 'to'> {
  const service = parseService(resource, allNamespaces ? undefined : usual);
  if (service !== undefined) {
    if (to !== undefined) throw new UsageError(`--to (${to}) must not be given with a Service, which does not call`);
    const caller = from === undefined ? undefined : parseResource([from]);
    // Callers of all namespaces' Services are looked for in all namespaces.
    const subject = peerOf(caller, fromNamespace, service.namespace) ?? { kind: 'namespace' };
    return { subject, to: service };
  }
  const given = from ?? fromNamespace;
  const option = from === undefined ? '--from-namespace' : '--from';
  if (given !== undefined)
    throw new UsageError(
      `${option} (${given}) must be given with a Service: ${resource.join('/')} is who calls already`,
    );
  const calls = to === undefined ? undefined : parseService([to], usual);
  if (to !== undefined && calls?.name === undefined) throw new UsageError(`--to (${to}) must be a Service: svc/voting`);
  return { subject: subjectIn(parseResource(resource), allNamespaces ? undefined : usual), to: calls };
}

/** Reads `svc`, `svc/voting` or `svc/voting.shop`; undefined when it is of another kind. */
function parseService(words: readonly string[], usual: string | undefined): Subject | undefined {
  const service = serviceAsked(words);
  if (service === undefined) return undefined;
  if (service === '') return { kind: 'service', namespace: usual };
  const [name, namespace = usual, ...more] = service.split('.');
  if (more.length > 0) throw new UsageError(`'${words.join(' ')}' must be a Service: svc/voting, or svc/voting.shop`);
  return { kind: 'service', name, namespace };
}

const nobodyCalls = (subject: Subject, { from }: RoutesOptions): string => {
  const { namespace } = subject;
  const option = from === undefined ? '-n names another, -A all' : '--from-namespace names another';
  const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (${option})`;
  return `${from === undefined ? '' : '--from: '}no ${subjectTitle(subject)} in ${place}`;
};

const nothingCounted = (resource: readonly string[], { from }: RoutesOptions, to: Subject | undefined): string => {
  const place = to?.namespace === undefined ? '' : ` in namespace ${to.namespace}`;
  const calls = to === undefined ? '' : ` to ${to.name === undefined ? 'Services' : `svc/${to.name}`}${place}`;
  const who = serviceAsked(resource) === undefined ? ` of ${resource.join('/')}` : from && ` of ${from}`;
  return `no request${who ?? ''}${calls} was counted by route: only Services with a ServiceProfile have routes`;
};
