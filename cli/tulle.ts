import { Command } from 'commander';
import { demoCommand } from './demo/demo.ts';
import { injectCommand } from './inject.ts';
import { installCommand } from './install.ts';
import { localCommand } from './local.ts';
import { statCommand } from './stat/stat.ts';
import type { Terminal } from './terminal.ts';
import { uninjectCommand } from './uninject.ts';
import { versionCommand } from './version.ts';

/** The program with all its commands. Parsing rejects with a CommandError or commander's own error. */
export function tulle(terminal: Terminal): Command {
  const program = new Command('tulle')
    .description('A service mesh for Kubernetes.')
    .option('-n, --namespace <name>', 'namespace of what is asked for')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .showHelpAfterError('(run with --help for what can be given)');
  const commands = [
    versionCommand,
    installCommand,
    injectCommand,
    uninjectCommand,
    localCommand,
    statCommand,
    demoCommand,
  ];
  for (const command of commands) {
    const made = command(terminal).copyInheritedSettings(program);
    program.addCommand(made);
  }
  return program;
}
