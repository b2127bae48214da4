import { DescriptionError } from './description-error.ts';

/** A word, a number, a text in quotes, or one other character. */
export interface Token {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

const forms =
  /([ \t\r\f\v]+|\/\/[^\n]*)|(\n)|(\/\*[\s\S]*?\*\/)|([A-Za-z_]\w*)|(\.?\d[\w.]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([{}()[\]<>;=,.:+\-/])/y;

/** What a .proto file is made of, comments left out. Throws a DescriptionError for what is no part of the language. */
export function protoTokens(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  forms.lastIndex = 0;
  while (forms.lastIndex < text.length) {
    const at = forms.lastIndex;
    const [found, space, , comment] = forms.exec(text) ?? [];
    if (found === undefined) {
      throw new DescriptionError(
        `line ${line}: ${JSON.stringify(text.slice(at, at + 20))} is nothing of a .proto file`,
      );
    }
    if (space !== undefined) continue;
    if (found === '\n' || comment !== undefined) line += found.split('\n').length - 1;
    else tokens.push({ text: found, line });
  }
  return tokens;
}
