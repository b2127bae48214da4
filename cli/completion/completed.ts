import type { Command, Option } from 'commander';
import { type Offers, offersOf } from './offers.ts';

export interface CompletedOption extends Offers {
  /** `--output`, and `-o` where it has one. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly takesValue: boolean;
}

/** What a shell offers behind a command. */
export interface Completed {
  /** `diagnostics policy`; empty for the program itself. */
  readonly name: string;
  /** Other names of it: `dg policy`. */
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** Its commands, or what its arguments may be. */
  readonly words: readonly { readonly word: string; readonly summary?: string }[];
}

/** The program, and its commands, those of commands too; each with its options and those of all. */
export function completed(
  command: Command,
  parents: readonly string[] = [],
  inherited: readonly Option[] = [],
): Completed[] {
  const isProgram = command.parent === null;
  const named = (name: string): string[] =>
    parents.length === 0 ? [name] : parents.map((parent) => `${parent} ${name}`);
  const names = isProgram ? [''] : [command.name(), ...command.aliases()].flatMap(named);
  const options = [...command.options, ...inherited];
  const own: Completed = {
    ...{ name: names[0], aliases: names.slice(1), summary: command.description() },
    options: options.map(completedOption),
    words:
      command.commands.length > 0
        ? command.commands.map((each) => ({ word: each.name(), summary: each.description() }))
        : command.registeredArguments.flatMap((each) => offersOf(each).values).map((word) => ({ word })),
  };
  const below = command.commands.flatMap((each) =>
    completed(each, isProgram ? [] : names, isProgram ? command.options : inherited),
  );
  return [own, ...below];
}

const completedOption = (option: Option): CompletedOption => ({
  ...offersOf(option),
  names: [option.long, option.short].filter((name): name is string => typeof name === 'string'),
  summary: option.description,
  takesValue: option.required,
});

/** Single-quoted, as all three shells read it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export const longName = ({ names }: CompletedOption): string => names[0];

/** As a loop over the words puts it together, by each name of the command: with a blank before one of the program. */
export const typedNames = ({ name, aliases }: Completed): readonly string[] =>
  [name, ...aliases].map((each) => (each.includes(' ') ? each : ` ${each}`));
