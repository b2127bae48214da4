import { Argument, Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { completed } from './completed.ts';
import { type Shell, shells } from './shells.ts';

/** `tulle completion`: what a shell needs to complete commands, options and their values. */
export function completionCommand(terminal: Terminal): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>', 'the shell that is to complete').choices(Object.keys(shells)))
    .addHelpText('after', '\nExample:\n  source <(tulle completion bash)\n')
    .action((shell: Shell, _: unknown, command: Command) => {
      terminal.out(shells[shell](completed(command.parent as Command)));
    });
}
