/** Wire types of protobuf. */
const varintType = 0;
const fixed64Type = 1;
const lengthType = 2;

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
    const written = this.bytes.write(value, start + 1, 'utf8');
    this.at = start + 1 + written;
    this.setLength(start, written);
  }

  /** Bytes, given as hexadecimal digits; not written when there are none. */
  hex(field: number, digits: string): void {
    if (digits === '') return;
    this.reserve(digits.length + 16);
    this.tag(field, lengthType);
    this.bytes[this.at++] = digits.length / 2;
    this.at += this.bytes.write(digits, this.at, 'hex');
  }

  /** An unsigned integer. */
  integer(field: number, value: number): void {
    this.reserve(16);
    this.tag(field, varintType);
    this.varint(value);
  }

  fixed64(field: number, value: bigint): void {
    this.reserve(16);
    this.tag(field, fixed64Type);
    this.at = this.bytes.writeBigUInt64LE(value, this.at);
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
