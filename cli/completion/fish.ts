import { type Completed, type CompletedOption, quoted } from './completed.ts';

/** Completes commands, options, and what of their values is known. Where nothing is, fish completes names of files. */
export function fish(all: readonly Completed[]): string {
  return `# fish completion for tulle: tulle completion fish | source
${all.flatMap(linesOf).join('\n')}
`;
}

function linesOf(one: Completed): string[] {
  const where = one.name === '' ? '__fish_use_subcommand' : quoted(seen(one.name));
  return [
    ...one.words.map(
      ({ word, summary }) =>
        `complete -c tulle -n ${where} -f -a ${quoted(word)}${summary === undefined ? '' : ` -d ${quoted(summary)}`}`,
    ),
    ...one.options.map((option) => optionLine(option, where)),
  ];
}

const seen = (name: string): string =>
  name
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');

function optionLine({ names, summary, takesValue, values, assigned }: CompletedOption, where: string): string {
  const short = names.find((name) => !name.startsWith('--'));
  const long = names.find((name) => name.startsWith('--'));
  const given = [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
  ];
  // Fish completes words whole: names stand with each of their values.
  const words =
    assigned === undefined
      ? values
      : values.flatMap((value) => {
          const behind = assigned[value.slice(0, -1)] ?? [];
          return behind.length === 0 ? [value] : behind.map((each) => `${value}${each}`);
        });
  const offered = !takesValue ? '' : words.length === 0 ? ' -r' : ` -x -a ${quoted(words.join(' '))}`;
  return `complete -c tulle -n ${where} ${given.join(' ')}${offered} -d ${quoted(summary)}`;
}
