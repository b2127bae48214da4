import type { Command } from 'commander';

/** What a shell offers behind a command. */
export interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly long: string; readonly summary: string; readonly choices: readonly string[] }[];
}

/** The commands, those of commands as `diagnostics policy`, each with its options and those of all. */
export function completedCommands(tulle: Command, before = ''): Completed[] {
  return tulle.commands.flatMap((command) => {
    const name = `${before}${command.name()}`;
    const options = optionsOf(command);
    return [{ name, summary: command.description(), options }, ...completedCommands(command, `${name} `)];
  });
}

/** Those of one command. */
export const optionsOf = (command: Command): Completed['options'] =>
  [...command.options, ...(command.parent === null ? [] : command.parent.options)].flatMap(
    ({ long, description, argChoices = [] }) =>
      long === undefined || long === null ? [] : [{ long, summary: description, choices: argChoices }],
  );

export const shells = {
  bash: (
    commands: readonly Completed[],
    everywhere: Completed['options'],
  ): string => `# bash completion for tulle: source <(tulle completion bash)
_tulle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" word command=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    case "$command $word" in
${commands.map(({ name }) => `      ${quoted(name.includes(' ') ? name : ` ${name}`)}) command=${quoted(name)} ;;`).join('\n')}
    esac
  done
  case "$command $previous" in
${commands.flatMap(({ name, options }) => options.filter(({ choices }) => choices.length > 0).map(({ long, choices }) => `    ${quoted(`${name} ${long}`)}) COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$current")); return ;;`)).join('\n')}
  esac
  case "$command" in
    '') COMPREPLY=($(compgen -W ${quoted([...topLevel(commands).map(({ name }) => name), ...everywhere.map(({ long }) => long)].join(' '))} -- "$current")) ;;
${commands.map(({ name, options }) => `    ${quoted(name)}) COMPREPLY=($(compgen -W ${quoted([...below(commands, name), ...options.map(({ long }) => long)].join(' '))} -- "$current")) ;;`).join('\n')}
  esac
}
complete -o default -F _tulle tulle
`,

  zsh: (commands: readonly Completed[], everywhere: Completed['options']): string => `#compdef tulle
# zsh completion for tulle: tulle completion zsh > "\${fpath[1]}/_tulle"
_tulle() {
  local word command=''
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    case "$command $word" in
${commands.map(({ name }) => `      ${quoted(name.includes(' ') ? name : ` ${name}`)}) command=${quoted(name)} ;;`).join('\n')}
    esac
  done
  local -a offered
  case "$command" in
    '') offered=(${[...topLevel(commands).map(({ name, summary }) => described(name, summary)), ...everywhere.map(({ long, summary }) => described(long, summary))].join(' ')}) ;;
${commands.map(({ name, options }) => `    ${quoted(name)}) offered=(${[...below(commands, name).map((each) => quoted(each)), ...options.map(({ long, summary }) => described(long, summary))].join(' ')}) ;;`).join('\n')}
  esac
  _describe 'tulle' offered || _files
}
compdef _tulle tulle
`,

  fish: (
    commands: readonly Completed[],
    everywhere: Completed['options'],
  ): string => `# fish completion for tulle: tulle completion fish | source
${topLevel(commands)
  .map(({ name, summary }) => `complete -c tulle -n __fish_use_subcommand -f -a ${quoted(name)} -d ${quoted(summary)}`)
  .join('\n')}
${everywhere.map(({ long, summary }) => `complete -c tulle -l ${long.slice(2)} -d ${quoted(summary)}`).join('\n')}
${commands
  .flatMap(({ name, options }) => {
    const seen = quoted(
      name
        .split(' ')
        .map((word) => `__fish_seen_subcommand_from ${word}`)
        .join('; and '),
    );
    return [
      ...below(commands, name).map((each) => `complete -c tulle -n ${seen} -f -a ${quoted(each)}`),
      ...options.map(({ long, summary, choices }) => {
        const values = choices.length === 0 ? '' : ` -x -a ${quoted(choices.join(' '))}`;
        return `complete -c tulle -n ${seen} -l ${long.slice(2)}${values} -d ${quoted(summary)}`;
      }),
    ];
  })
  .join('\n')}
`,
} as const;

export type Shell = keyof typeof shells;

const topLevel = (commands: readonly Completed[]): readonly Completed[] =>
  commands.filter(({ name }) => !name.includes(' '));

/** The names of the commands of a command. */
const below = (commands: readonly Completed[], of: string): string[] =>
  commands.filter(({ name }) => name.startsWith(`${of} `)).map(({ name }) => name.slice(of.length + 1));

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const described = (name: string, summary: string): string => quoted(`${name}:${summary.replaceAll(':', '\\:')}`);
