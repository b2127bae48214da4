import { Command } from 'commander';
import { checkCommand } from './check/command.ts';
import { demoCommand } from './demo/demo.ts';
import { diagnosticsCommand } from './diagnostics/command.ts';
import { injectCommand } from './inject.ts';
import { installCommand } from './install.ts';
import { localCommand } from './local.ts';
import { pruneCommand } from './prune.ts';
import { routesCommand } from './routes/routes.ts';
import { statCommand } from './stat/stat.ts';
import type { Terminal } from './terminal.ts';
import { uninjectCommand } from './uninject.ts';
import { uninstallCommand } from './uninstall.ts';
import { upgradeCommand } from './upgrade.ts';
import { versionCommand } from './version.ts';

/** The program with all its commands. Parsing rejects with a CommandError or commander's own error. */
export function tulle(terminal: Terminal): Command {
  const program = new Command('tulle')
    .description('A service mesh for Kubernetes.')
    .option('-n, --namespace <name>', 'namespace of what is asked for')
    .option('-L, --mesh-namespace <name>', 'namespace of the control plane (default: tulle)')
    .option(
      '--kubeconfig <file>',
      'kubeconfig file (default: those of KUBECONFIG, else ~/.kube/config, else the pod itself)',
    )
    .option('--context <name>', 'context of the kubeconfig file (default: its current-context)')
    .option('--as <user>', 'user to act as')
    .option('--as-group <group>', 'group to act as; may be repeated', (group, before: string[] = []) => [
      ...before,
      group,
    ])
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .showHelpAfterError('(run with --help for what can be given)');
  const commands = [
    versionCommand,
    installCommand,
    upgradeCommand,
    uninstallCommand,
    pruneCommand,
    checkCommand,
    injectCommand,
    uninjectCommand,
    localCommand,
    statCommand,
    diagnosticsCommand,
    routesCommand,
    demoCommand,
  ];
  for (const command of commands) {
    const made = command(terminal).copyInheritedSettings(program);
    for (const nested of made.commands) nested.copyInheritedSettings(program);
    program.addCommand(made);
  }
  return program;
}
