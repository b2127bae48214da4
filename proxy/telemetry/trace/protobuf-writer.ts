/** Wire types of protobuf. */
const varintType = 0;
const fixed64Type = 1;
const lengthType = 2;

const twoTo32 = 2 ** 32;
const longestByHand = 100;

/** Of a hexadecimal digit in lower case. */
const nibble = (code: number): number => (code <= 0x39 ? code - 0x30 : code - 0x57);

/**
 * Writes protobuf messages into one buffer that grows. Spans come by the thousand: to make objects of a schema for each
 * of them would cost the requests beside them several times what they take.
 */
export class ProtobufWriter {
  private bytes = Buffer.allocUnsafe(64 * 1024);
  private at = 0;

  /** What was written, as bytes of its own. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.bytes.subarray(0, this.at));
    this.at = 0;
    return taken;
  }

  /** Not written when it is empty, as proto3 has it. */
  text(field: number, value: string): void {
    if (value !== '') this.chosenText(field, value);
  }

  /** Of a oneof: written when it is empty, too. */
  chosenText(field: number, value: string): void {
    this.reserve(value.length * 3 + 16);
    this.tag(field, lengthType);
    const start = this.at;
    // Nearly all are short, and so is their length.
    const written = this.ascii(value, start + 1) ? value.length : this.bytes.write(value, start + 1, 'utf8');
    this.at = start + 1 + written;
    this.setLength(start, written);
  }

  /** Bytes, given as hexadecimal digits; not written when there are none. */
  hex(field: number, digits: string): void {
    if (digits === '') return;
    this.reserve(digits.length + 16);
    this.tag(field, lengthType);
    this.bytes[this.at++] = digits.length / 2;
    const { bytes } = this;
    for (let i = 0; i < digits.length; i += 2) {
      bytes[this.at++] = (nibble(digits.charCodeAt(i)) << 4) | nibble(digits.charCodeAt(i + 1));
    }
  }

  /** An unsigned integer. */
  integer(field: number, value: number): void {
    this.reserve(16);
    this.tag(field, varintType);
    this.varint(value);
  }

  /** `microseconds` in nanoseconds: these are more than a number counts exactly. */
  nanoseconds(field: number, microseconds: number): void {
    this.reserve(16);
    this.tag(field, fixed64Type);
    const low = (microseconds % twoTo32) * 1000;
    const high = Math.floor(microseconds / twoTo32) * 1000 + Math.floor(low / twoTo32);
    this.bytes.writeUInt32LE(low % twoTo32, this.at);
    this.bytes.writeUInt32LE(high % twoTo32, this.at + 4);
    this.at += 8;
  }

  /** A message within: `end` takes what this returns. */
  begin(field: number): number {
    this.reserve(16);
    this.tag(field, lengthType);
    return this.at++;
  }

  end(start: number): void {
    this.reserve(16);
    this.setLength(start, this.at - start - 1);
  }

  /** Writes a length before what it is of, for which one byte was left: more are made room for. */
  private setLength(start: number, length: number): void {
    if (length < 128) {
      this.bytes[start] = length;
      return;
    }
    let more = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) more++;
    this.bytes.copyWithin(start + 1 + more, start + 1, this.at);
    this.at = start;
    this.varint(length);
    this.at += length;
  }

  /** Writes a short text of ASCII, by hand: a call out of the engine costs more. False when it is another. */
  private ascii(value: string, at: number): boolean {
    const { length } = value;
    if (length > longestByHand) return false;
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[at + i] = code;
    }
    return true;
  }

  private tag(field: number, type: number): void {
    this.varint(field * 8 + type);
  }

  /** Not by shifts: they count in 32 bits. */
  private varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.bytes[this.at++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }

  private reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}
