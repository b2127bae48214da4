import { hexValues } from './ids.ts';

/** Wire types of protobuf. */
const varintType = 0;
const fixed64Type = 1;
const lengthType = 2;

const twoTo32 = 2 ** 32;
const longestByHand = 100;

/**
 * Writes protobuf messages into one buffer that grows. Spans come by the thousand: to make objects of a schema for each
 * of them would cost the requests beside them several times what they take.
 *
 * Fields have numbers below 16, as all of a span have: their tags are one byte.
 */
export class ProtobufWriter {
  private bytes = Buffer.allocUnsafe(4 * 1024);
  private at = 0;

  /** Begins anew. */
  clear(): void {
    this.at = 0;
  }

  /** What was written; valid until more is. */
  get written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  /** What was written, as bytes of its own. Begins anew. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.written);
    this.at = 0;
    return taken;
  }

  /** Fields that were written before. */
  append(fields: Uint8Array): void {
    this.reserve(fields.length);
    this.bytes.set(fields, this.at);
    this.at += fields.length;
  }

  /** Not written when it is empty, as proto3 has it. */
  text(field: number, value: string): void {
    if (value !== '') this.chosenText(field, value);
  }

  /** Of a oneof: written when it is empty, too. */
  chosenText(field: number, value: string): void {
    this.reserve(value.length * 3 + 16);
    this.bytes[this.at++] = field * 8 + lengthType;
    const start = this.at;
    // Nearly all are short, and so is their length.
    const written = this.ascii(value, start + 1) ? value.length : this.bytes.write(value, start + 1, 'utf8');
    this.at = start + 1 + written;
    this.setLength(start, 1, written);
  }

  /** Bytes, given as hexadecimal digits; not written when there are none. */
  hex(field: number, digits: string): void {
    const { length } = digits;
    if (length === 0) return;
    this.reserve(length + 16);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = field * 8 + lengthType;
    bytes[at++] = length / 2;
    for (let i = 0; i < length; i += 2) {
      bytes[at++] = (hexValues[digits.charCodeAt(i)] << 4) | hexValues[digits.charCodeAt(i + 1)];
    }
    this.at = at;
  }

  /** An unsigned integer. */
  integer(field: number, value: number): void {
    this.reserve(16);
    this.bytes[this.at++] = field * 8 + varintType;
    this.varint(value);
  }

  /** `microseconds` in nanoseconds: these are more than a number counts exactly. */
  nanoseconds(field: number, microseconds: number): void {
    this.reserve(16);
    const whole = Math.floor(microseconds / twoTo32);
    const low = (microseconds - whole * twoTo32) * 1000;
    const carried = Math.floor(low / twoTo32);
    this.bytes[this.at++] = field * 8 + fixed64Type;
    this.fixed32(low - carried * twoTo32);
    this.fixed32(whole * 1000 + carried);
  }

  /** A message within, for whose length `room` bytes are left: `end` takes what this returns, and the same room. */
  begin(field: number, room = 1): number {
    this.reserve(16);
    this.bytes[this.at++] = field * 8 + lengthType;
    const start = this.at;
    this.at += room;
    return start;
  }

  end(start: number, room = 1): void {
    this.reserve(16);
    this.setLength(start, room, this.at - start - room);
  }

  /** What stands before a message of `length` bytes that is written elsewhere. */
  prefix(field: number, length: number): void {
    this.reserve(16);
    this.bytes[this.at++] = field * 8 + lengthType;
    this.varint(length);
  }

  /** Writes a length before what it is of, which moves where `room` is not what that takes. */
  private setLength(start: number, room: number, length: number): void {
    if (room === 1 && length < 128) {
      this.bytes[start] = length;
      return;
    }
    let needed = 1;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) needed++;
    if (needed !== room) this.bytes.copyWithin(start + needed, start + room, start + room + length);
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

  private fixed32(value: number): void {
    const { bytes } = this;
    bytes[this.at++] = value & 255;
    bytes[this.at++] = (value >>> 8) & 255;
    bytes[this.at++] = (value >>> 16) & 255;
    bytes[this.at++] = value >>> 24;
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
