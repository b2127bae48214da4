import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { chunkOf } from '../small-chunk.ts';
import { CR, type HeadLimits, Http1Error, headEnd, LF, SP, TAB } from '../syntax.ts';
import { parseTrailers } from './head-parser.ts';

/** What a body reader finds. Chunks are only valid during the call. */
export interface BodySink {
  onBody(chunk: Uint8Array, end: boolean): void;
  onBodyTrailers(fields: readonly Field[]): void;
}

type State =
  | 'done'
  | 'sized'
  | 'size'
  | 'before-extension'
  | 'extension'
  | 'size-lf'
  | 'chunk'
  | 'chunk-cr'
  | 'chunk-lf'
  | 'trailers'
  | 'until-close'
  | 'raw';

const SEMICOLON = 0x3b;
const longestExtension = 1024;
const nothing = new Uint8Array(0);

/**
 * Reads the body of one message after the other, fed at any boundary (RFC 9112 sections 6 and 7). Chunk extensions are
 * bounded and dropped; everything else in chunked coding is taken to the letter or refused.
 */
export class BodyReader {
  private readonly table: FieldTable;
  private readonly limits: HeadLimits;
  private readonly section: 'trailers' | 'response trailers';
  private state: State = 'done';
  private remaining = 0;
  private sizeDigits = 0;
  private extensionBytes = 0;
  private trailerBytes: Uint8Array = nothing;

  /** `section` is where the trailers of its bodies stand. */
  constructor(section: 'trailers' | 'response trailers', table: FieldTable, limits: HeadLimits) {
    this.section = section;
    this.table = table;
    this.limits = limits;
  }

  /** True when there is no body under way. */
  get done(): boolean {
    return this.state === 'done';
  }

  /** Bytes that are still to come; infinite when only the body itself will tell. */
  get restBytes(): number {
    if (this.state === 'done') return 0;
    return this.state === 'sized' ? this.remaining : Number.POSITIVE_INFINITY;
  }

  startSized(length: number): void {
    this.state = length === 0 ? 'done' : 'sized';
    this.remaining = length;
  }

  startChunked(): void {
    this.state = 'size';
    this.remaining = 0;
    this.sizeDigits = 0;
  }

  startUntilClose(): void {
    this.state = 'until-close';
  }

  /** Bytes both ways without framing: after an upgrade or CONNECT. */
  startRaw(): void {
    this.state = 'raw';
  }

  /**
   * The connection's end of bytes. Returns false if a body was cut off by it; ends one that is delimited by it.
   */
  close(sink: BodySink): boolean {
    const state = this.state;
    if (state === 'done') return true;
    this.state = 'done';
    if (state !== 'until-close' && state !== 'raw') return false;
    sink.onBody(nothing, true);
    return true;
  }

  /** Reads from `bytes[at, length)` up to the end of the body. Returns the offset behind what was read. */
  read(bytes: Uint8Array, at: number, length: number, sink: BodySink): number {
    while (at < length) {
      switch (this.state) {
        case 'done':
          return at;
        case 'sized': {
          const end = Math.min(length, at + this.remaining);
          this.remaining -= end - at;
          const last = this.remaining === 0;
          if (last) this.state = 'done';
          sink.onBody(chunkOf(bytes, at, end), last);
          at = end;
          break;
        }
        case 'chunk': {
          const end = Math.min(length, at + this.remaining);
          this.remaining -= end - at;
          if (this.remaining === 0) this.state = 'chunk-cr';
          sink.onBody(chunkOf(bytes, at, end), false);
          at = end;
          break;
        }
        case 'until-close':
        case 'raw':
          sink.onBody(bytes.subarray(at, length), false);
          return length;
        case 'trailers':
          at = this.readTrailers(bytes, at, length, sink);
          break;
        default:
          this.framingByte(bytes[at++]);
      }
    }
    return at;
  }

  private framingByte(byte: number): void {
    switch (this.state) {
      case 'size': {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          // 13 hex digits stay below 2^53.
          if (++this.sizeDigits > 13) throw new Http1Error(400, 'chunk size too large');
          this.remaining = this.remaining * 16 + digit;
          return;
        }
        if (this.sizeDigits === 0) throw new Http1Error(400, 'invalid chunk size');
        this.extensionBytes = 0;
        if (byte === CR) this.state = 'size-lf';
        else if (byte === SEMICOLON) this.state = 'extension';
        else if (byte === SP || byte === TAB) this.state = 'before-extension';
        else throw new Http1Error(400, 'invalid chunk size');
        return;
      }
      // White space is for extensions alone (RFC 9112 section 7.1.1): behind a bare size it is refused.
      case 'before-extension':
        if (byte === SEMICOLON) this.state = 'extension';
        else if (byte !== SP && byte !== TAB) throw new Http1Error(400, 'invalid chunk size');
        else if (++this.extensionBytes > longestExtension) throw new Http1Error(400, 'chunk extension too long');
        return;
      case 'extension':
        if (byte === CR) this.state = 'size-lf';
        else if (byte === LF || (byte < 0x20 && byte !== TAB) || byte === 0x7f)
          throw new Http1Error(400, 'invalid chunk extension');
        else if (++this.extensionBytes > longestExtension) throw new Http1Error(400, 'chunk extension too long');
        return;
      case 'size-lf':
        if (byte !== LF) throw new Http1Error(400, 'chunk size line without line feed');
        this.state = this.remaining === 0 ? 'trailers' : 'chunk';
        return;
      case 'chunk-cr':
        if (byte !== CR) throw new Http1Error(400, 'chunk longer than its size');
        this.state = 'chunk-lf';
        return;
      case 'chunk-lf':
        if (byte !== LF) throw new Http1Error(400, 'chunk longer than its size');
        this.startChunked();
        return;
    }
  }

  private readTrailers(bytes: Uint8Array, at: number, length: number, sink: BodySink): number {
    const held = this.trailerBytes.length;
    const joined = new Uint8Array(held + length - at);
    joined.set(this.trailerBytes);
    joined.set(bytes.subarray(at, length), held);
    const end = headEnd(joined, 0, joined.length);
    if ((end < 0 ? joined.length : end) > this.limits.headBytes) throw new Http1Error(431, 'trailers too large');
    if (end < 0) {
      this.trailerBytes = joined;
      return length;
    }
    this.trailerBytes = nothing;
    this.state = 'done';
    const fields = parseTrailers(joined, 0, end, this.section, this.table, this.limits);
    if (fields.length === 0) sink.onBody(nothing, true);
    else sink.onBodyTrailers(fields);
    return at + end - held;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
