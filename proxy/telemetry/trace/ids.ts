/** Ids of traces and spans, as text: 32 and 16 digits of lower-case hexadecimal, not all of them 0. */

const noTraceId = '0'.repeat(32);
const noSpanId = '0'.repeat(16);

/** Whether all of `text[start, end)` are lower-case hexadecimal digits. */
export function isHex(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) return false;
  }
  return true;
}

export const isTraceId = (text: string): boolean => text.length === 32 && text !== noTraceId && isHex(text, 0, 32);
export const isSpanId = (text: string): boolean => text.length === 16 && text !== noSpanId && isHex(text, 0, 16);

/** The two digits of each byte. */
const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const eightDigits = (bits: number): string =>
  pairs[bits >>> 24] + pairs[(bits >>> 16) & 255] + pairs[(bits >>> 8) & 255] + pairs[bits & 255];
const bitsOf = (random: () => number): number => (random() * 2 ** 32) >>> 0;

/** `random` in [0, 1). Ids tell spans apart; nobody is kept out by them. */
export function newSpanId(random: () => number): string {
  const low = bitsOf(random);
  // One that is all zeros would be none.
  return eightDigits(bitsOf(random)) + eightDigits(low === 0 ? 1 : low);
}

export const newTraceId = (random: () => number): string => newSpanId(random) + newSpanId(random);
