/** What is not DER, or not what should stand there. */
export class DerError extends Error {}

/** The tags of X.690 that certificates and signing requests are made of. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The `number`th field of its kind in a sequence that names its optional fields by number. */
export const numbered = (number: number): number => 0xa0 + number;

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly raw: Buffer;
}

/** More than any certificate has. */
const maxElements = 1000;

/** An element: tag, length, content. */
export function der(elementTag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const head = [elementTag];
  if (length < 0x80) head.push(length);
  else if (length < 0x100) head.push(0x81, length);
  else if (length < 0x1_0000) head.push(0x82, length >> 8, length & 0xff);
  else throw new DerError(`${length} bytes are too many for one element`);
  return Buffer.concat([Buffer.from(head), body]);
}

/** The element that the bytes are, with nothing after it. */
export function readElement(bytes: Uint8Array, expected?: number): Element {
  const elements = readElements(bytes);
  if (elements.length !== 1) throw new DerError(`there must be one element, and there are ${elements.length}`);
  return expect(elements[0], expected);
}

/** The elements that follow each other in the bytes: those in a sequence or a set, when it is its content. */
export function readElements(bytes: Uint8Array): Element[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const elements: Element[] = [];
  let at = 0;
  while (at < buffer.length) {
    if (elements.length === maxElements) throw new DerError(`there are more than ${maxElements} elements`);
    const { from, to } = extent(buffer, at);
    elements.push({ tag: buffer[at], content: buffer.subarray(from, to), raw: buffer.subarray(at, to) });
    at = to;
  }
  return elements;
}

/** Takes the elements of a sequence one by one. */
export class Fields {
  private readonly elements: readonly Element[];
  private at = 0;

  constructor(sequence: Element) {
    this.elements = readElements(expect(sequence, tag.sequence).content);
  }

  take(expected?: number): Element {
    const element = this.elements[this.at++];
    if (element === undefined) throw new DerError('a sequence ends too soon');
    return expect(element, expected);
  }

  /** The next one, if it has the tag. */
  optional(expected: number): Element | undefined {
    return this.elements[this.at]?.tag === expected ? this.elements[this.at++] : undefined;
  }
}

function expect(element: Element, expected: number | undefined): Element {
  if (expected !== undefined && element.tag !== expected) {
    throw new DerError(`an element has the tag ${element.tag} where ${expected} must stand`);
  }
  return element;
}

/** Where the content of the element at `at` begins and ends. */
function extent(buffer: Buffer, at: number): { from: number; to: number } {
  const length = buffer[at + 1] ?? cut();
  if (length < 0x80) return within(buffer, at + 2, length);
  // Of more bytes only lengths of megabytes need more, and without bytes the length is not told at all (BER).
  if (length === 0x81) return within(buffer, at + 3, buffer[at + 2] ?? cut());
  if (length !== 0x82 || at + 4 > buffer.length) throw new DerError('the length of an element cannot be read');
  return within(buffer, at + 4, buffer.readUInt16BE(at + 2));
}

function within(buffer: Buffer, from: number, length: number): { from: number; to: number } {
  return from + length > buffer.length ? cut() : { from, to: from + length };
}

function cut(): never {
  throw new DerError('the bytes end within an element');
}
