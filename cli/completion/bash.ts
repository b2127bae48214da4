import { type Completed, type CompletedOption, longName, quoted, typedNames } from './completed.ts';

/** Completes commands, options, and what of their values is known. Where nothing is, bash completes names of files. */
export function bash(all: readonly Completed[]): string {
  const [program, ...commands] = all;
  return `# bash completion for tulle: source <(tulle completion bash)
_tulle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at=$((COMP_CWORD - 1)) index word command='' before=''
  # Bash takes --output=json and property=value apart.
  if [[ $current == '=' ]]; then current=''; elif ((at > 1)) && [[ \${COMP_WORDS[at]} == '=' ]]; then at=$((at - 1)); fi
  local previous="\${COMP_WORDS[at]}"
  ((at > 1)) && before="\${COMP_WORDS[at - 1]}"
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$word" in
      ${patterns(program.options.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names))}) ((index++)); continue ;;
      -* | '=') continue ;;
    esac
    case "$command $word" in
${commands.map((one) => `      ${patterns(typedNames(one))}) command=${quoted(one.name)} ;;`).join('\n')}
    esac
  done
  case "$command $before $previous" in
${all.flatMap((one) => one.options.flatMap((option) => assigned(one, option))).join('\n')}
  esac
  case "$command $previous" in
${all.flatMap((one) => one.options.flatMap((option) => values(one, option))).join('\n')}
  esac
  local words='' options=''
  case "$command" in
${all.map((one) => `    ${quoted(one.name)}) words=${list(one.words.map(({ word }) => word))} options=${list(one.options.map(longName))} ;;`).join('\n')}
  esac
  [[ $current == -* ]] && words="$options"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _tulle tulle
`;
}

const patterns = (texts: readonly string[]): string => texts.map(quoted).join(' | ');

const list = (words: readonly string[]): string => quoted(words.join(' '));

const offer = (words: readonly string[]): string => `COMPREPLY=($(compgen -W ${list(words)} -- "$current"))`;

/** Behind the `=` of a name. */
const assigned = ({ name }: Completed, { names, assigned: known = {} }: CompletedOption): string[] =>
  Object.entries(known).flatMap(([property, words]) =>
    words.length === 0
      ? []
      : [`    ${patterns(names.map((option) => `${name} ${option} ${property}`))}) ${offer(words)}; return ;;`],
  );

function values({ name }: Completed, { names, takesValue, values: words, assigned: known }: CompletedOption): string[] {
  if (!takesValue) return [];
  const goOn = known === undefined ? '' : ' compopt -o nospace 2>/dev/null;';
  return [`    ${patterns(names.map((option) => `${name} ${option}`))}) ${offer(words)};${goOn} return ;;`];
}
