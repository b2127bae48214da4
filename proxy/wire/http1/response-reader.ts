import type { FieldTable } from '../field-table.ts';
import { join } from '../join.ts';
import type { ResponseHead } from '../stream.ts';
import { type HeadLimits, Http1Error, headEnd, lastLineStart } from '../syntax.ts';
import { BodyReader, type BodySink } from './body-reader.ts';
import { parseResponseHead } from './head-parser.ts';

/** What a response reader finds. Chunks are only valid during the call. */
export interface ResponseSink extends BodySink {
  onInformationalHead(head: ResponseHead): void;
  onResponseHead(head: ResponseHead, end: boolean): void;
  /** More came than was asked for. */
  onSurplus(): void;
  /** What came is no HTTP/1. */
  onMalformed(error: Http1Error): void;
}

/** What a response is read by: what was asked. */
export interface Asked {
  readonly method: string;
  /** A 101 may come. */
  readonly upgrade: boolean;
}

/** 1xx responses that may come before the final one. */
const mostInformationals = 32;
const nothing = new Uint8Array(0);

/** `idle`: nothing is awaited; `head`, `body`: of a response; `raw`: a tunnel; `stopped`: nothing is read any more. */
type State = 'idle' | 'head' | 'body' | 'raw' | 'stopped';

/** Reads the responses of one connection, each to the request that was told by `expect`. */
export class ResponseReader {
  private readonly sink: ResponseSink;
  private readonly table: FieldTable;
  private readonly limits: HeadLimits;
  private readonly body: BodyReader;
  private asked: Asked | undefined = undefined;
  state: State = 'idle';
  /** Another request may follow on the connection. */
  keepAlive = true;
  /** The bytes that came last are being read. */
  processing = false;
  private held: Uint8Array = nothing;
  private scanFrom = 0;
  private informationals = 0;

  constructor(sink: ResponseSink, table: FieldTable, limits: HeadLimits) {
    this.sink = sink;
    this.table = table;
    this.limits = limits;
    this.body = new BodyReader('response trailers', table, limits);
  }

  expect(asked: Asked): void {
    this.asked = asked;
    this.state = 'head';
    this.keepAlive = true;
    this.informationals = 0;
  }

  /** Something of the response has come. */
  get begun(): boolean {
    return this.state !== 'head' || this.held.length > 0 || this.informationals > 0;
  }

  /** The response is whole. */
  ended(): void {
    this.asked = undefined;
    this.state = 'idle';
  }

  stop(): void {
    this.state = 'stopped';
    this.held = nothing;
  }

  read(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.held.length > 0) {
      bytes = join(this.held, chunk);
      this.held = nothing;
    }
    this.processing = true;
    try {
      this.process(bytes, bytes === chunk);
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.sink.onMalformed(error);
    } finally {
      this.processing = false;
    }
  }

  /** The connection's end of bytes: ends a body that is delimited by it. Returns false if a response was cut off by it. */
  close(): boolean {
    if (this.state === 'body' || this.state === 'raw') return this.body.close(this.sink);
    return this.state !== 'head';
  }

  private process(bytes: Uint8Array, borrowed: boolean): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.state === 'head') {
        const end = headEnd(bytes, at + this.scanFrom, bytes.length);
        const headBytes = (end < 0 ? bytes.length : end) - at;
        if (headBytes > this.limits.headBytes) throw new Http1Error(502, 'head too large');
        if (end < 0) {
          this.scanFrom = lastLineStart(bytes, at + this.scanFrom, bytes.length) - at;
          this.held = borrowed ? bytes.slice(at) : bytes.subarray(at);
          return;
        }
        this.scanFrom = 0;
        this.begin(bytes, at, end, this.asked as Asked);
        at = end;
      } else if (this.state === 'body' || this.state === 'raw') {
        at = this.body.read(bytes, at, bytes.length, this.sink);
        if (this.state === 'raw' && this.body.done) return;
      } else {
        if (this.state === 'idle') this.sink.onSurplus();
        return;
      }
    }
  }

  private begin(bytes: Uint8Array, start: number, end: number, asked: Asked): void {
    const { head, hop } = parseResponseHead(bytes, start, end, this.table, this.limits);
    const { status } = head;
    const raw = status === 101 || (asked.method === 'CONNECT' && status >= 200 && status < 300);
    if (raw || status < 200 || status === 204) {
      // It ends behind its head whatever that says (RFC 9112 section 6.3, RFC 9110 section 9.3.6). But a server that
      // announces a body may send one, and that must answer nothing.
      if (hop.chunked || hop.contentLength > 0) this.keepAlive = false;
      head.contentLength = -1;
    }
    if (status >= 100 && status < 200 && status !== 101) {
      if (++this.informationals > mostInformationals) throw new Http1Error(502, 'too many informational responses');
      head.upgrade = undefined;
      this.sink.onInformationalHead(head);
      return;
    }
    if (status === 101 && !asked.upgrade) throw new Http1Error(502, 'switching protocols unasked');
    if (hop.close) this.keepAlive = false;
    if (raw) {
      this.state = 'raw';
      this.keepAlive = false;
      this.body.startRaw();
      this.sink.onResponseHead(head, false);
      return;
    }
    // 426 must name what it asks for (RFC 9110 section 15.5.22).
    if (status !== 426) head.upgrade = undefined;
    this.state = 'body';
    const bodiless = asked.method === 'HEAD' || status === 204 || status === 304;
    if (bodiless) this.body.startSized(0);
    else if (hop.chunked) this.body.startChunked();
    else if (hop.contentLength >= 0) this.body.startSized(hop.contentLength);
    else {
      this.keepAlive = false;
      this.body.startUntilClose();
    }
    this.sink.onResponseHead(head, this.body.done);
  }
}
