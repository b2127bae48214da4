import { OutputBuffer } from '../../wire/output-buffer.ts';
import type { SpanId, TraceId } from './ids.ts';

/** Wire types of protobuf. */
const varintType = 0;
const fixed64Type = 1;
const lengthType = 2;

const twoTo32 = 2 ** 32;
const longestByHand = 32;
/** As long as a tag and an integer are, at most. */
const longestInteger = 16;

/**
 * Writes protobuf messages into a buffer that grows. Spans come by the thousand: to make objects of a schema for each of
 * them would cost the requests beside them several times what they take.
 *
 * Fields have numbers below 16, as all of a span have: their tags are one byte.
 */
export class ProtobufWriter {
  /** What is written to. */
  out: OutputBuffer = new OutputBuffer();

  /** Not written when it is empty, as proto3 has it. */
  text(field: number, value: string): void {
    if (value !== '') this.chosenText(field, value);
  }

  /** Of a oneof: written when it is empty, too. */
  chosenText(field: number, value: string): void {
    const { out } = this;
    const start = out.reserve(value.length * 3 + longestInteger) + 1;
    out.bytes[start - 1] = field * 8 + lengthType;
    // Nearly all are short, and so is their length.
    const written = writeAscii(out.bytes, start + 1, value)
      ? value.length
      : Buffer.prototype.utf8Write.call(out.bytes, value, start + 1);
    out.length = start + 1 + written;
    this.setLength(start, 1, written);
  }

  traceId(field: number, { word0, word1, word2, word3 }: TraceId): void {
    const { out } = this;
    const at = out.reserve(2 + 16);
    const { bytes } = out;
    bytes[at] = field * 8 + lengthType;
    bytes[at + 1] = 16;
    writeWord(bytes, at + 2, word0);
    writeWord(bytes, at + 6, word1);
    writeWord(bytes, at + 10, word2);
    writeWord(bytes, at + 14, word3);
    out.length = at + 2 + 16;
  }

  spanId(field: number, { high, low }: SpanId): void {
    const { out } = this;
    const at = out.reserve(2 + 8);
    const { bytes } = out;
    bytes[at] = field * 8 + lengthType;
    bytes[at + 1] = 8;
    writeWord(bytes, at + 2, high);
    writeWord(bytes, at + 6, low);
    out.length = at + 2 + 8;
  }

  /** An unsigned integer. */
  integer(field: number, value: number): void {
    this.tag(field, varintType);
    this.varint(value);
  }

  /** `microseconds` in nanoseconds: these are more than a number counts exactly. */
  nanoseconds(field: number, microseconds: number): void {
    const whole = Math.floor(microseconds / twoTo32);
    const low = (microseconds - whole * twoTo32) * 1000;
    const carried = Math.floor(low / twoTo32);
    this.tag(field, fixed64Type);
    this.fixed32(low - carried * twoTo32);
    this.fixed32(whole * 1000 + carried);
  }

  /** A message within, for whose length `room` bytes are left: `end` takes what this returns, and the same room. */
  begin(field: number, room = 1): number {
    this.tag(field, lengthType);
    const start = this.out.length;
    this.out.length += room;
    return start;
  }

  end(start: number, room = 1): void {
    this.setLength(start, room, this.out.length - start - room);
  }

  /** What stands before a message of `length` bytes that is written elsewhere. */
  prefix(field: number, length: number): void {
    this.tag(field, lengthType);
    this.varint(length);
  }

  private tag(field: number, type: number): void {
    const { out } = this;
    const at = out.reserve(longestInteger);
    out.bytes[at] = field * 8 + type;
    out.length = at + 1;
  }

  /** Writes a length before what it is of, which moves where `room` is not what that takes. */
  private setLength(start: number, room: number, length: number): void {
    const { out } = this;
    if (room === 1 && length < 128) {
      out.bytes[start] = length;
      return;
    }
    let needed = 1;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) needed++;
    if (needed !== room) {
      out.reserve(longestInteger);
      out.bytes.copyWithin(start + needed, start + room, start + room + length);
    }
    out.length = start;
    this.varint(length);
    out.length += length;
  }

  private fixed32(value: number): void {
    const { out } = this;
    const { bytes, length } = out;
    bytes[length] = value & 255;
    bytes[length + 1] = (value >>> 8) & 255;
    bytes[length + 2] = (value >>> 16) & 255;
    bytes[length + 3] = value >>> 24;
    out.length = length + 4;
  }

  /** Not by shifts: they count in 32 bits. There is room. */
  private varint(value: number): void {
    const { out } = this;
    const { bytes } = out;
    let { length } = out;
    let rest = value;
    while (rest >= 128) {
      bytes[length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    bytes[length++] = rest;
    out.length = length;
  }
}

/** In the order of the network. */
function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = (word >>> 16) & 255;
  bytes[at + 2] = (word >>> 8) & 255;
  bytes[at + 3] = word & 255;
}

/** Writes a short text of ASCII, by hand: a call out of the engine costs more. False when it is another. */
function writeAscii(bytes: Uint8Array, at: number, value: string): boolean {
  const { length } = value;
  if (length > longestByHand) return false;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0x7f) return false;
    bytes[at + i] = code;
  }
  return true;
}
