import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { join } from '../join.ts';
import type { Building, RequestHead } from '../stream.ts';
import { CR, type HeadLimits, Http1Error, headEnd, LF, lastLineStart, mostEmptyLines } from '../syntax.ts';
import type { Transport } from '../transport.ts';
import { BodyReader, type BodySink } from './body-reader.ts';
import type { HopFields } from './field-parser.ts';
import { parseRequestHead } from './head-parser.ts';

/** What a request reader finds. Chunks are only valid during the call. */
export interface RequestSink {
  /** `ended`: the head is all of the request. */
  onRequestHead(head: Building<RequestHead>, hop: HopFields, ended: boolean): void;
  onRequestData(chunk: Uint8Array, end: boolean): void;
  onRequestTrailers(fields: readonly Field[]): void;
  /** What was left of a request that has been answered is read: goes on with `next`. */
  onRestRead(): void;
  /** What came is no HTTP/1. The reader must be told to `stop`. */
  onMalformed(error: Http1Error): void;
}

/** Request bytes that may be on their way to the upstream before reading stops. */
const receiveWindowBytes = 64 * 1024;
const nothing = new Uint8Array(0);

/**
 * `head`: between requests, or inside a head; `body`: inside one; `whole`: a request has come to its end, and what comes
 * behind it waits; `raw`: a tunnel; `stopped`: nothing is read any more.
 */
type State = 'head' | 'body' | 'whole' | 'raw' | 'stopped';

/** Reads the requests of one connection, one when the one before it is done with, no faster than they are taken. */
export class RequestReader implements BodySink {
  private readonly sink: RequestSink;
  private readonly transport: Transport;
  private readonly table: FieldTable;
  private readonly scheme: string;
  private readonly limits: HeadLimits;
  private readonly body: BodyReader;
  state: State = 'head';
  private held: Uint8Array = nothing;
  private scanFrom = 0;
  private emptyLines = 0;
  private outstanding = 0;
  private paused = false;
  /** What came last is being read. */
  processing = false;
  /** The rest of the body is read for nobody. */
  dropping = false;
  /** Something of the body has come. */
  bodyBegun = false;

  constructor(sink: RequestSink, transport: Transport, table: FieldTable, scheme: string, limits: HeadLimits) {
    this.sink = sink;
    this.transport = transport;
    this.table = table;
    this.scheme = scheme;
    this.limits = limits;
    this.body = new BodyReader('trailers', table, limits);
  }

  /** A head has begun and is not complete. */
  get insideHead(): boolean {
    return this.state === 'head' && this.held.length > 0;
  }

  /** Nothing has come behind the request. */
  get empty(): boolean {
    return this.held.length === 0 && !this.processing;
  }

  /** Bytes of the body that are still to come; infinite when their number is not known. */
  get restBytes(): number {
    return this.body.restBytes;
  }

  /** Reads on to the end of the body, for nobody. */
  drop(): void {
    this.dropping = true;
    this.outstanding = 0;
    this.resumeIfRoom();
  }

  read(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.held.length > 0) {
      bytes = join(this.held, chunk);
      this.held = nothing;
    }
    this.process(bytes, bytes === chunk);
  }

  /** The request that came last has been answered: goes on with the next. */
  next(): void {
    this.state = 'head';
    this.outstanding = 0;
    this.resumeIfRoom();
    this.goOn();
  }

  /** Goes on with bytes without framing. */
  startRaw(): void {
    this.state = 'raw';
    this.body.startRaw();
    this.goOn();
  }

  /** The connection's end of bytes: ends a tunnel's direction. Returns false if a body was cut off by it. */
  close(): boolean {
    return this.body.close(this);
  }

  /** Reads nothing more; what comes is not kept from coming. */
  stop(): void {
    this.state = 'stopped';
    this.dropping = false;
    this.held = nothing;
    if (!this.paused) return;
    this.paused = false;
    this.transport.resume();
  }

  /** That many bytes of a body have left this process. */
  credit(bytes: number): void {
    this.outstanding = Math.max(0, this.outstanding - bytes);
    this.resumeIfRoom();
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    this.bodyBegun = true;
    if (end && this.state === 'body') this.state = 'whole';
    if (this.dropping) {
      if (end) this.dropped();
      return;
    }
    this.outstanding += chunk.length;
    if (this.outstanding > receiveWindowBytes) this.pause();
    this.sink.onRequestData(chunk, end);
  }

  onBodyTrailers(fields: readonly Field[]): void {
    this.state = 'whole';
    if (this.dropping) this.dropped();
    else this.sink.onRequestTrailers(fields);
  }

  private dropped(): void {
    this.dropping = false;
    this.sink.onRestRead();
  }

  /** Inside `process` its loop goes on by itself. */
  private goOn(): void {
    if (this.processing || this.held.length === 0) return;
    const held = this.held;
    this.held = nothing;
    this.process(held, false);
  }

  private process(bytes: Uint8Array, borrowed: boolean): void {
    let at = 0;
    this.processing = true;
    try {
      while (at < bytes.length) {
        if (this.state === 'head') {
          at = this.skipEmptyLines(bytes, at);
          if (at === bytes.length) break;
          const end = headEnd(bytes, at + this.scanFrom, bytes.length);
          if (end < 0) {
            if (bytes.length - at > this.limits.headBytes) throw new Http1Error(431, 'head too large');
            this.scanFrom = lastLineStart(bytes, at + this.scanFrom, bytes.length) - at;
            break;
          }
          if (end - at > this.limits.headBytes) throw new Http1Error(431, 'head too large');
          this.scanFrom = 0;
          this.emptyLines = 0;
          this.begin(bytes, at, end);
          at = end;
        } else if (this.state === 'body' || this.state === 'raw') {
          at = this.body.read(bytes, at, bytes.length, this);
          if (this.state === 'raw' && this.body.done) break;
        } else break;
      }
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.sink.onMalformed(error);
      return;
    } finally {
      this.processing = false;
    }
    if (at < bytes.length && (this.state === 'head' || this.state === 'whole')) {
      this.held = borrowed ? bytes.slice(at) : bytes.subarray(at);
      if (this.state === 'whole' && this.held.length > receiveWindowBytes) this.pause();
    }
  }

  /** Some clients end a body with a line of their own (RFC 9112 section 2.2). */
  private skipEmptyLines(bytes: Uint8Array, from: number): number {
    let at = from;
    while (bytes[at] === CR && bytes[at + 1] === LF) {
      if (++this.emptyLines > mostEmptyLines) throw new Http1Error(400, 'too many empty lines before a request');
      at += 2;
    }
    return at;
  }

  private begin(bytes: Uint8Array, start: number, end: number): void {
    const { head, hop } = parseRequestHead(bytes, start, end, this.scheme, this.table, this.limits);
    const ended = !hop.chunked && hop.contentLength <= 0;
    this.bodyBegun = false;
    this.state = ended ? 'whole' : 'body';
    if (hop.chunked) this.body.startChunked();
    else this.body.startSized(Math.max(0, hop.contentLength));
    this.sink.onRequestHead(head, hop, ended);
  }

  private pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.transport.pause();
  }

  private resumeIfRoom(): void {
    if (!this.paused || this.outstanding > receiveWindowBytes / 2) return;
    this.paused = false;
    this.transport.resume();
  }
}
