import { Command } from 'commander';
import { subjectTitle, UnknownSubject } from '../../lib/figures/query.ts';
import { stateOption } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { type PlaceOptions, subjectIn, warnOfSilent, withFigures } from '../figures/open.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { parseResource, resourceArgument } from '../resource.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { type ShownEdge, shownEdges } from './edge-rows.ts';

interface EdgesOptions extends PlaceOptions {
  readonly allNamespaces?: boolean;
  readonly timeWindow?: string;
  readonly selector?: string;
  readonly output: Format;
}

/** `tulle edges`: who calls whom, and whether by mutual TLS. */
export function edgesCommand(terminal: Terminal): Command {
  return new Command('edges')
    .addArgument(resourceArgument('<resource...>', 'kind, or kind/name: deploy, deploy/web, pods, ns'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'of workloads with these labels')
    .option('-t, --time-window <duration>', 'only calls of this time (default: since the sidecars began)')
    .option(...stateOption)
    .addOption(formatOption('table', 'wide', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle edges -n shop deploy -o wide\n')
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<EdgesOptions>();
      const { timeWindow, selector, output } = options;
      const wanted = parseResource(resource);
      const windowMs = timeWindow === undefined ? undefined : parseWaitMs('--time-window', timeWindow);
      await withFigures(options, terminal, async ({ store, namespace: usual, signal }) => {
        const namespace = options.allNamespaces ? undefined : usual;
        const subject = { ...subjectIn(wanted, namespace), selector };
        const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`;
        const { rows, silent } = await store.query({ by: 'edge', subject, windowMs }, signal).catch((error) => {
          throw error instanceof UnknownSubject ? new CommandError(`no ${subjectTitle(wanted)} in ${place}`) : error;
        });
        warnOfSilent(silent, terminal);
        const shown = shownEdges(rows, wanted.kind);
        if (shown.length === 0) throw new CommandError(`no call from or to ${subjectTitle(wanted)} was counted`);
        terminal.out(forPrograms(shown, output) ?? edgesTable(shown, output === 'wide'));
      });
    });
}

const columns = ['SRC', 'DST', 'SRC_NS', 'DST_NS'];
const wideColumns = ['CLIENT_ID', 'SERVER_ID', 'REQUESTS', 'CONNECTIONS'];

/** As `linkerd viz edges` prints it, where rows that would read alike stand once. */
export function edgesTable(edges: readonly ShownEdge[], wide: boolean): string {
  const header = [...columns, ...(wide ? wideColumns : []), 'SECURED'];
  const cells = edges.map((edge) => [
    ...[edge.source, edge.target, edge.sourceNamespace || '-', edge.targetNamespace || '-'],
    ...(wide ? [edge.clientId ?? '-', edge.serverId ?? '-', `${edge.requests}`, `${edge.connections}`] : []),
    edge.reason ?? '√',
  ]);
  const rows = new Map(cells.map((row) => [JSON.stringify(row), row]));
  return formatTable(header, [...rows.values()], header.length);
}
