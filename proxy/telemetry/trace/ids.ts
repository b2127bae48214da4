/** Ids of traces and spans, as text: 32 and 16 digits of lower-case hexadecimal, not all of them 0. */

/** Of a hexadecimal digit in lower case its value, by its code; of any other character `notHex`. */
export const hexValues = new Uint8Array(256).fill(0xff);
for (let value = 0; value < 16; value++) hexValues[value.toString(16).charCodeAt(0)] = value;
const notHex = 0xff;

/** What the lower-case hexadecimal digits `text[start, end)` have in common, by or: 0 where all are 0; `notHex` and more where one is none. */
function digitsOf(text: string, start: number, end: number): number {
  let all = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    all |= code > 0xff ? notHex : hexValues[code];
  }
  return all;
}

/** Whether all of `text[start, end)` are lower-case hexadecimal digits. */
export const isHex = (text: string, start: number, end: number): boolean => digitsOf(text, start, end) < 16;

/** Whether all of `text[start, end)` are lower-case hexadecimal digits, and not all of them 0. */
export function isId(text: string, start: number, end: number): boolean {
  const digits = digitsOf(text, start, end);
  return digits > 0 && digits < 16;
}

export const isTraceId = (text: string): boolean => text.length === 32 && isId(text, 0, 32);
export const isSpanId = (text: string): boolean => text.length === 16 && isId(text, 0, 16);

const digitsOfSpanId = 16;
const digitsOfTraceId = 32;
/** Random bytes that are written as digits at once: a part of a text holds all of it in memory. */
const poolBytes = 128;

/** Makes ids. They tell spans apart; nobody is kept out by them. */
export class IdSource {
  private readonly random: () => number;
  private readonly bytes = Buffer.alloc(poolBytes);
  private digits = '';
  private at = 0;

  /** `random` in [0, 1). */
  constructor(random: () => number) {
    this.random = random;
  }

  spanId(): string {
    return this.next(digitsOfSpanId);
  }

  traceId(): string {
    return this.next(digitsOfTraceId);
  }

  private next(count: number): string {
    if (this.at + count > this.digits.length) this.fill();
    const start = this.at;
    this.at += count;
    return this.digits.slice(start, this.at);
  }

  private fill(): void {
    const { bytes, random } = this;
    for (let at = 0; at < poolBytes; at += 8) {
      const low = (random() * 2 ** 32) >>> 0;
      bytes.writeUInt32BE((random() * 2 ** 32) >>> 0, at);
      // One that is all zeros would be none.
      bytes.writeUInt32BE(low === 0 ? 1 : low, at + 4);
    }
    this.digits = bytes.toString('hex');
    this.at = 0;
  }
}
