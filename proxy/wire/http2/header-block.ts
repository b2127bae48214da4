import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { ErrorCode } from '../stream.ts';
import { ConnectionError, Flag, uint32 } from './frame.ts';
import { HpackDecoder, HpackError } from './hpack/decoder.ts';

/** Many small frames cost more than they carry: of one block both the bytes and the frames are bounded. */
const maxFramesPerBlock = 64;

/** Gathers the header blocks of a connection from HEADERS and CONTINUATION frames, and decodes them. */
export class HeaderBlock {
  private readonly decoder: HpackDecoder;
  private readonly maxListBytes: number;
  private parts: Uint8Array[] = [];
  private bytes = 0;
  /** A block has begun and not ended: only its CONTINUATIONs may come. */
  open = false;
  streamId = 0;
  endStream = false;

  constructor(fields: FieldTable, maxListBytes: number) {
    this.decoder = new HpackDecoder(fields);
    this.maxListBytes = maxListBytes;
  }

  /** Takes a HEADERS frame; see `add` for what it returns. */
  begin(bytes: Uint8Array, flags: number, id: number, start: number, end: number, into: Field[]): boolean | undefined {
    if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      if (from === end) throw new ConnectionError(ErrorCode.frameSizeError, 'HEADERS without its padding');
      to -= bytes[from];
      from += 1;
    }
    if ((flags & Flag.priority) !== 0) {
      if (from + 5 <= to && uint32(bytes, from) % 0x80000000 === id) {
        throw new ConnectionError(ErrorCode.protocolError, 'stream that depends on itself');
      }
      from += 5;
    }
    if (from > to) throw new ConnectionError(ErrorCode.protocolError, 'padding longer than its frame');
    this.streamId = id;
    this.endStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) return this.decode(bytes, from, to, into);
    this.open = true;
    return this.add(bytes, from, to, flags, into);
  }

  /**
   * Takes a CONTINUATION frame, as `begin` does a HEADERS frame. Both return undefined when there is more to come, true
   * when `into` has the fields, and false when they were more than the limit.
   */
  add(bytes: Uint8Array, start: number, end: number, flags: number, into: Field[]): boolean | undefined {
    if (!this.open) throw new ConnectionError(ErrorCode.protocolError, 'CONTINUATION without HEADERS');
    this.parts.push(bytes.slice(start, end));
    this.bytes += end - start;
    if (this.bytes > 4 * this.maxListBytes || this.parts.length > maxFramesPerBlock) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'header block too large');
    }
    if ((flags & Flag.endHeaders) === 0) return undefined;
    const whole = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    this.open = false;
    return this.decode(whole, 0, whole.length, into);
  }

  private decode(bytes: Uint8Array, from: number, to: number, into: Field[]): boolean {
    try {
      return this.decoder.decode(bytes, from, to, into, this.maxListBytes);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError(ErrorCode.compressionError, error.message);
      throw error;
    }
  }
}
