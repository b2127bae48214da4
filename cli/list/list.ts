import { Command } from 'commander';
import { type MeshOptions, stateOption, withMesh } from '../diagnostics/mesh.ts';
import { withNamedOwners } from '../figures/cluster-directory.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { type ListedWorkload, workloadRows } from './workload-rows.ts';

interface ListOptions extends MeshOptions {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly unmeshed?: boolean;
  readonly output: Format;
}

/** `tulle list`: which workloads are in the mesh, and why others are not. */
export function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'of pods with these labels')
    .option('--unmeshed', 'only workloads that have pods outside of the mesh')
    .option(...stateOption)
    .addOption(formatOption('table', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle list -A --unmeshed\n')
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const { allNamespaces, selector, output } = options;
      await withMesh(options, terminal, async (mesh) => {
        const namespace = allNamespaces ? undefined : mesh.namespace;
        const found = await mesh.directory.workloads({ kind: 'pod', namespace, selector });
        const pods = withNamedOwners(found.flatMap((workload) => workload.pods));
        const config = await mesh.injectConfig();
        const rows = workloadRows(pods, { config, namespaces: await mesh.namespaces(namespace) });
        const place = namespace === undefined ? 'the mesh' : `namespace ${namespace} (-n names another, -A all)`;
        if (rows.length === 0) throw new CommandError(`no pod in ${place}`);
        const shown = rows.filter(({ pods, meshedPods }) => !options.unmeshed || meshedPods < pods);
        terminal.out(forPrograms(shown, output) ?? table(shown, namespace === undefined));
      });
    });
}

function table(rows: readonly ListedWorkload[], withNamespace: boolean): string {
  const header = [...(withNamespace ? ['NAMESPACE'] : []), 'WORKLOAD', 'MESHED', 'WHY NOT'];
  const cells = rows.map(({ namespace, workload, pods, meshedPods, reasons }) => [
    ...(withNamespace ? [namespace] : []),
    workload,
    `${meshedPods}/${pods}`,
    reasons.join('; '),
  ]);
  return formatTable(header, cells, header.length);
}
