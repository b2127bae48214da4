import { writeLatin1 } from './latin1.ts';
import type { Transport } from './transport.ts';

const initialBytes = 4 * 1024;
/** A buffer that grew beyond this for one large turn is given back after it. */
const keptBytes = 256 * 1024;
/** Pieces of bodies from this size on are written without being collected. */
const directBytes = 32 * 1024;

/** What is below it is counted in 32 bits. */
const billion = 1e9;
const billionDigits = 9;

/** What a connection has to say in this turn, in one buffer that is written with one call. */
export class OutputBuffer {
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;

  /** Makes room for `count` more bytes; returns the offset to write at. The caller then sets `length`. */
  reserve(count: number): number {
    const needed = this.length + count;
    if (needed > this.bytes.length) {
      let capacity = Math.max(initialBytes, this.bytes.length * 2);
      while (capacity < needed) capacity *= 2;
      const grown = new Uint8Array(capacity);
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    return this.length;
  }

  append(chunk: Uint8Array): void {
    const at = this.reserve(chunk.length);
    this.bytes.set(chunk, at);
    this.length = at + chunk.length;
  }

  appendLatin1(text: string): void {
    const at = this.reserve(text.length);
    this.length = writeLatin1(this.bytes, at, text);
  }

  /** An integer from 0 to the largest safe one, in decimal digits: by hand, since it is no string before. */
  appendInteger(value: number): void {
    let rest = value;
    let digits = 1;
    if (value >= billion) {
      const high = Math.floor(value / billion);
      this.appendInteger(high);
      rest = value - high * billion;
      digits = billionDigits;
    } else for (let limit = 10; limit <= value; limit *= 10) digits++;
    const at = this.reserve(digits);
    const { bytes } = this;
    rest |= 0;
    for (let i = at + digits - 1; i >= at; i--) {
      const tenth = (rest / 10) | 0;
      bytes[i] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.length = at + digits;
  }

  /** Writes what was collected, and empties the buffer. Returns what the transport's `write` does. */
  writeTo(transport: Transport): boolean {
    const { bytes, length } = this;
    this.length = 0;
    if (bytes.length > keptBytes) this.bytes = new Uint8Array(0);
    return transport.write(bytes, length);
  }

  /**
   * Puts a large piece of a body into the output: it is written at once, behind what was collected, since collecting it
   * would cost a buffer of its size in every turn. Small ones are collected.
   */
  appendBody(chunk: Uint8Array, transport: Transport): void {
    if (chunk.length < directBytes) {
      this.append(chunk);
      return;
    }
    if (this.length > 0) this.writeTo(transport);
    transport.write(chunk, chunk.length);
  }

  /** What was collected, in bytes of its own. Empties the buffer. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }
}
