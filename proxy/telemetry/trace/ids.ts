/** Ids of traces and spans: integers in the process, and lower-case hexadecimal digits in texts. Not all of their bits are 0. */

/** Of a hexadecimal digit in lower case its value, by its code; of any other character `notHex`. */
export const hexValues = new Uint8Array(256).fill(0xff);
/** Of a value below 16 the code of its digit. */
const hexDigits = new Uint8Array(16);
for (let value = 0; value < 16; value++) {
  hexDigits[value] = value.toString(16).charCodeAt(0);
  hexValues[hexDigits[value]] = value;
}
const notHex = 0xff;

const bitsOfWord = 32;
export const digitsOfWord = 8;
export const digitsOfSpanId = 16;
export const digitsOfTraceId = 32;

/** 128 bits, in four signed integers of 32, the most significant first. */
export class TraceId {
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;

  constructor(word0: number, word1: number, word2: number, word3: number) {
    this.word0 = word0;
    this.word1 = word1;
    this.word2 = word2;
    this.word3 = word3;
  }

  equals(other: TraceId): boolean {
    return (
      this.word0 === other.word0 &&
      this.word1 === other.word1 &&
      this.word2 === other.word2 &&
      this.word3 === other.word3
    );
  }

  toString(): string {
    return shown(this.word0) + shown(this.word1) + shown(this.word2) + shown(this.word3);
  }
}

/** 64 bits, in two signed integers of 32, the most significant first. */
export class SpanId {
  readonly high: number;
  readonly low: number;

  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  toString(): string {
    return shown(this.high) + shown(this.low);
  }
}

const shown = (word: number): string => (word >>> 0).toString(16).padStart(digitsOfWord, '0');

/** What was read last. */
const words = new Int32Array(digitsOfTraceId / digitsOfWord);

/** Reads `count` words of digits into `words`. False where one is no lower-case hexadecimal digit, or all are 0. */
function readWords(text: string, start: number, count: number): boolean {
  let values = 0;
  let all = 0;
  let at = start;
  for (let i = 0; i < count; i++) {
    let word = 0;
    for (const end = at + digitsOfWord; at < end; at++) {
      const code = text.charCodeAt(at);
      const value = code > 0xff ? notHex : hexValues[code];
      values |= value;
      word = (word << 4) | value;
    }
    words[i] = word;
    all |= word;
  }
  return values < 16 && all !== 0;
}

/** The id that the 32 characters of `text` from `at` on are; undefined when they are none. They must be there. */
export const traceIdAt = (text: string, at: number): TraceId | undefined =>
  readWords(text, at, 4) ? new TraceId(words[0], words[1], words[2], words[3]) : undefined;

/** The same of 16 characters: that of a trace that is told by the lower half of its id. */
export const shortTraceIdAt = (text: string, at: number): TraceId | undefined =>
  readWords(text, at, 2) ? new TraceId(0, 0, words[0], words[1]) : undefined;

/** The same of 16 characters. */
export const spanIdAt = (text: string, at: number): SpanId | undefined =>
  readWords(text, at, 2) ? new SpanId(words[0], words[1]) : undefined;

/** Whether all of `text[start, end)` are lower-case hexadecimal digits. */
export function isHex(text: string, start: number, end: number): boolean {
  let values = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    values |= code > 0xff ? notHex : hexValues[code];
  }
  return values < 16;
}

/** Writes a word as eight digits. */
export function writeDigits(bytes: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < digitsOfWord; i++) bytes[at + i] = hexDigits[(word >>> (bitsOfWord - 4 - 4 * i)) & 15];
}

export function writeTraceDigits(bytes: Uint8Array, at: number, { word0, word1, word2, word3 }: TraceId): void {
  writeDigits(bytes, at, word0);
  writeDigits(bytes, at + 8, word1);
  writeDigits(bytes, at + 16, word2);
  writeDigits(bytes, at + 24, word3);
}

export function writeSpanDigits(bytes: Uint8Array, at: number, { high, low }: SpanId): void {
  writeDigits(bytes, at, high);
  writeDigits(bytes, at + 8, low);
}

/** Makes ids. They tell spans apart; nobody is kept out by them. */
export class IdSource {
  private readonly random: () => number;

  /** `random` in [0, 1). */
  constructor(random: () => number) {
    this.random = random;
  }

  spanId(): SpanId {
    return new SpanId(this.word(), this.word() || 1);
  }

  traceId(): TraceId {
    return new TraceId(this.word(), this.word(), this.word(), this.word() || 1);
  }

  /** The last of an id is not 0: one of zeros alone would be none. */
  private word(): number {
    return Math.floor(this.random() * 2 ** bitsOfWord) | 0;
  }
}
