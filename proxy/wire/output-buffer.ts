import { writeLatin1 } from './latin1.ts';
import type { Transport } from './transport.ts';

const initialBytes = 4 * 1024;
/** A buffer that grew beyond this for one large turn is given back after it. */
const keptBytes = 256 * 1024;

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

  /** Writes what was collected, and empties the buffer. Returns what the transport's `write` does. */
  writeTo(transport: Transport): boolean {
    const { bytes, length } = this;
    this.length = 0;
    if (bytes.length > keptBytes) this.bytes = new Uint8Array(0);
    return transport.write(bytes, length);
  }

  /** What was collected, in bytes of its own. Empties the buffer. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }
}
