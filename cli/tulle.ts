import { Command } from 'commander';
import { meshVersion } from '../lib/contract/version.ts';
import { type RegisteredCommand, registry } from './registry.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs the command line. Of the commands only the one that is asked for is loaded. Rejects with a CommandError or
 * commander's own error.
 */
export async function runTulle(argv: readonly string[], terminal: Terminal): Promise<void> {
  const [first, second] = program(terminal).parseOptions(argv.slice(2)).operands;
  const asked = first === 'help' ? second : first;
  const isAsked = ({ name, alias }: RegisteredCommand): boolean => asked !== undefined && [name, alias].includes(asked);
  const needsAll = registry.some((entry) => entry.needsAll && isAsked(entry));
  const tulle = await withCommands(terminal, (entry) => needsAll || isAsked(entry));
  // Help for what is no command is refused as that is: commander would print the help of all.
  const isUnknown = first === 'help' && asked !== undefined && asked !== 'help' && !registry.some(isAsked);
  await tulle.parseAsync(isUnknown ? [...argv.slice(0, 2), asked] : argv);
}

/** The program with all its commands, loaded. */
export const wholeTulle = (terminal: Terminal): Promise<Command> => withCommands(terminal, () => true);

async function withCommands(terminal: Terminal, isLoaded: (entry: RegisteredCommand) => boolean): Promise<Command> {
  const tulle = program(terminal);
  for (const entry of registry) {
    const command = isLoaded(entry) ? (await entry.load())(terminal) : new Command(entry.name);
    command.description(entry.summary).copyInheritedSettings(tulle);
    if (entry.alias !== undefined) command.alias(entry.alias);
    for (const nested of command.commands) nested.copyInheritedSettings(tulle);
    tulle.addCommand(command);
  }
  return tulle;
}

function program(terminal: Terminal): Command {
  return new Command('tulle')
    .description('A service mesh for Kubernetes.')
    .version(meshVersion, '-v, --version', 'print the version of this command line')
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
}
