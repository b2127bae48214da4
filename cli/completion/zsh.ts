import { type Completed, type CompletedOption, longName, quoted, typedNames } from './completed.ts';

/** Completes commands, options, and what of their values is known. Where nothing is, zsh completes names of files. */
export function zsh(all: readonly Completed[]): string {
  const [, ...commands] = all;
  return `#compdef tulle
# zsh completion for tulle: tulle completion zsh > "\${fpath[1]}/_tulle"
_tulle() {
  local word command='' property
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    case "$command $word" in
${commands.map((one) => `      ${patterns(typedNames(one))}) command=${quoted(one.name)} ;;`).join('\n')}
    esac
  done
  case "$command \${words[CURRENT-1]}" in
${all.flatMap((one) => one.options.flatMap((option) => values(one, option))).join('\n')}
  esac
  local -a offered
  case "$command" in
${all.map((one) => `    ${quoted(one.name)}) if [[ $PREFIX == -* ]]; then offered=(${one.options.map((option) => described(longName(option), option.summary)).join(' ')}); else offered=(${one.words.map(({ word, summary }) => described(word, summary)).join(' ')}); fi ;;`).join('\n')}
  esac
  (( $#offered )) && _describe 'tulle' offered || _files
}
compdef _tulle tulle
`;
}

const patterns = (texts: readonly string[]): string => texts.map((text) => quoted(text)).join('|');

function values({ name }: Completed, { names, takesValue, values: words, assigned }: CompletedOption): string[] {
  if (!takesValue) return [];
  const place = patterns(names.map((option) => `${name} ${option}`));
  if (words.length === 0) return [`    ${place}) _files; return ;;`];
  if (assigned === undefined) return [`    ${place}) compadd -- ${words.map(quoted).join(' ')}; return ;;`];
  const behind = Object.entries(assigned).filter(([, known]) => known.length > 0);
  return [
    `    ${place})
      if [[ $PREFIX != *=* ]]; then compadd -S '' -- ${words.map(quoted).join(' ')}; return; fi
      property="\${PREFIX%%=*}"
      compset -P '*='
      case "$property" in
${behind.map(([property, known]) => `        ${quoted(property)}) compadd -- ${known.map(quoted).join(' ')} ;;`).join('\n')}
      esac
      return ;;`,
  ];
}

const described = (word: string, summary = ''): string =>
  quoted(
    summary === '' ? word.replaceAll(':', '\\:') : `${word.replaceAll(':', '\\:')}:${summary.replaceAll(':', '\\:')}`,
  );
