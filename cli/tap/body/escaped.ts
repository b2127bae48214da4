/** What moves a cursor, changes the order or the colour of what is read, or is no character by itself. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
/** The same in written JSON, whose lines are its own. */
const unseenInJson = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What others sent, in one line that a terminal only shows: what nobody sees is told by its number, as JSON has it. */
export const escaped = (text: string): string =>
  text.replace(unseen, (character) => short[character] ?? numbers(character));

/** JSON for a terminal: JSON.stringify leaves some of it as it is. */
export const jsonText = (value: unknown, indent = 0): string =>
  JSON.stringify(value, null, indent).replace(unseenInJson, numbers);

function numbers(character: string): string {
  let text = '';
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return text;
}
