/** What others wrote, in ASCII alone: nothing in it is a control character, or turns what stands behind it. */

/** A string of JSON. */
export function asciiJson(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escaped);
}

/** A character as JSON escapes it. */
export const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The bytes of what is ASCII already. */
export const asciiBytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
