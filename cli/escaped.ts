/** What moves a cursor, changes the order or the colour of what is read, or is no character by itself. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
/** The same in written JSON or YAML, whose lines are its own. */
const unseenInText = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What others sent, in one line that a terminal only shows: what nobody sees is told by its number, as JSON has it. */
export const escaped = (text: string): string =>
  text.replace(unseen, (character) => short[character] ?? numbers(character));

/** The same of several lines, which stay lines. */
export const escapedLines = (text: string): string =>
  text.replace(unseenInText, (character) => short[character] ?? numbers(character));

/** JSON for a terminal: JSON.stringify leaves some of it as it is. */
export const jsonText = (value: unknown, indent = 0): string =>
  JSON.stringify(value, null, indent).replace(unseenInText, numbers);

/** Whether some of a text would not be seen. */
export const hasUnseen = (text: string): boolean => text.search(unseen) !== -1;

/** YAML for a terminal, in which all that is not seen stands within double quotes. */
export const yamlEscaped = (text: string): string =>
  text.replace(unseenInText, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
  });

function numbers(character: string): string {
  let text = '';
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return text;
}
