import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { OutputBuffer } from '../output-buffer.ts';
import { type ClientConnection, ErrorCode, type RequestHead, type ResponseHandler, type Stream } from '../stream.ts';
import { defaultHeadLimits, type HeadLimits, Http1Error, headEnd, lastLineStart } from '../syntax.ts';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';
import { BodyReader, type BodySink } from './body-reader.ts';
import { Http1ClientStream } from './client-stream.ts';
import { parseResponseHead } from './head-parser.ts';
import { writeChunk, writeLastChunk, writeRequestHead } from './head-writer.ts';

export interface Http1ClientOptions {
  transport: Transport;
  turn: Turn;
  fields: FieldTable;
  limits?: HeadLimits;
  /** The connection takes a request again. */
  onAvailable: (connection: Http1Client) => void;
  onClosed: (connection: Http1Client, error: Error | undefined) => void;
}

const receiveWindowBytes = 64 * 1024;
/** 1xx responses that may come before the final one. */
const mostInformationals = 32;
const nothing = new Uint8Array(0);

/**
 * `idle`; `head`: request sent, waiting for the response's head; `body`: reading it; `raw`: tunnel; `broken`: aborted,
 * what still comes is not read; `closed`.
 */
type State = 'idle' | 'head' | 'body' | 'raw' | 'broken' | 'closed';

/** The connecting side of one HTTP/1 connection: one request at a time, never pipelined. */
export class Http1Client implements ClientConnection, TransportHandler, Flushable, BodySink {
  private readonly options: Http1ClientOptions;
  private readonly transport: Transport;
  private readonly limits: HeadLimits;
  scheduled = false;
  listed = false;
  requests = 0;
  private readonly out = new OutputBuffer();
  private readonly body: BodyReader;
  private state: State = 'idle';
  private stream: Http1ClientStream | undefined = undefined;
  private held: Uint8Array = nothing;
  private scanFrom = 0;
  private keepAlive = true;
  private draining = false;
  private outstanding = 0;
  private paused = false;
  private unsent = 0;
  private endAfterFlush = false;
  private processing = false;
  /** A response ended in what is being processed: whether the connection can be used again depends on what follows. */
  private recycleDue = false;
  private informationals = 0;

  constructor(options: Http1ClientOptions) {
    this.options = options;
    this.transport = options.transport;
    this.limits = options.limits ?? defaultHeadLimits;
    this.body = new BodyReader(options.fields, this.limits);
  }

  get activeStreams(): number {
    return this.stream === undefined ? 0 : 1;
  }

  get available(): boolean {
    return this.state === 'idle' && !this.draining && !this.processing;
  }

  request(
    head: RequestHead,
    end: boolean,
    handler: ResponseHandler,
    extra: readonly Field[] | undefined = undefined,
  ): Stream | undefined {
    if (!this.available) return undefined;
    const tunnel = head.method === 'CONNECT' || head.upgrade !== undefined;
    const hasBody = !tunnel && !end;
    const chunked = hasBody && head.contentLength < 0;
    const stream = new Http1ClientStream(this, head, handler, chunked, end);
    if (head.method === 'CONNECT' && head.upgrade !== undefined) {
      // What HTTP/1 has for it needs fields that an extended CONNECT does not carry (RFC 8441 section 5).
      stream.requestOver = true;
      handler.onReset(ErrorCode.http11Required, 'extended CONNECT cannot go on in HTTP/1');
      this.recycle();
      return stream;
    }
    this.stream = stream;
    this.requests++;
    this.informationals = 0;
    this.state = 'head';
    this.keepAlive = true;
    // A body of no bytes is told to methods that would otherwise have the server wait or guess.
    const contentLength = hasBody || head.contentLength >= 0 ? head.contentLength : -1;
    writeRequestHead(
      this.out,
      head,
      { contentLength: tunnel ? -1 : contentLength, chunked, close: false, keepAlive: false, upgrade: head.upgrade },
      extra,
    );
    this.options.turn.schedule(this);
    return stream;
  }

  drain(): void {
    this.draining = true;
    if (this.state === 'idle') this.transport.close();
  }

  close(): void {
    this.transport.close();
  }

  onBytes(chunk: Uint8Array): void {
    if (this.state === 'idle') {
      // Nothing was asked: whatever this answers, it must not answer the next request.
      this.state = 'broken';
      this.transport.abort();
      return;
    }
    if (this.state === 'closed' || this.state === 'broken') return;
    let bytes = chunk;
    if (this.held.length > 0) {
      bytes = new Uint8Array(this.held.length + chunk.length);
      bytes.set(this.held);
      bytes.set(chunk, this.held.length);
      this.held = nothing;
    }
    try {
      this.process(bytes, bytes === chunk);
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.break(ErrorCode.protocolError, `malformed response: ${error.message}`);
    }
  }

  onDrain(): void {
    this.reportSent();
    if (this.endAfterFlush) this.transport.end();
  }

  onEnd(): void {
    if ((this.state === 'body' || this.state === 'raw') && this.body.close(this)) return;
    if (this.state === 'head' || this.state === 'body')
      this.break(ErrorCode.internalError, 'connection ended inside the response');
    else if (this.state === 'idle') this.transport.close();
  }

  onClose(error: Error | undefined): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    const stream = this.stream;
    this.stream = undefined;
    stream?.handler.onReset(ErrorCode.internalError, 'connection closed inside the response');
    this.options.onClosed(this, error);
  }

  flush(): void {
    if (this.state === 'closed') return;
    // What was written directly may wait as well: then `onDrain` tells of it.
    if (this.out.length > 0 ? !this.out.writeTo(this.transport) : this.transport.blocked) return;
    this.reportSent();
    if (this.endAfterFlush) this.transport.end();
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    const stream = this.stream;
    if (stream === undefined) return;
    if (end && this.state === 'body') this.responseEnded(stream);
    else {
      this.outstanding += chunk.length;
      if (this.outstanding > receiveWindowBytes && !this.paused) {
        this.paused = true;
        this.transport.pause();
      }
    }
    stream.handler.onData(chunk, end);
    if (end) this.recycle();
  }

  onBodyTrailers(fields: readonly Field[]): void {
    const stream = this.stream;
    if (stream === undefined) return;
    this.responseEnded(stream);
    stream.handler.onTrailers(fields);
    this.recycle();
  }

  /** @internal called by the stream */
  credit(stream: Http1ClientStream, bytes: number): void {
    if (this.stream !== stream) return;
    this.outstanding = Math.max(0, this.outstanding - bytes);
    if (!this.paused || this.outstanding > receiveWindowBytes / 2) return;
    this.paused = false;
    this.transport.resume();
  }

  /** @internal called by the stream */
  write(stream: Http1ClientStream, chunk: Uint8Array, end: boolean): void {
    if (this.stream !== stream) return;
    if (chunk.length > 0) {
      if (stream.chunked) writeChunk(this.out, chunk, this.transport);
      else this.out.appendBody(chunk, this.transport);
    }
    this.unsent += chunk.length;
    if (end) this.requestEnded(stream, undefined);
    this.options.turn.schedule(this);
  }

  /** @internal called by the stream */
  requestEnded(stream: Http1ClientStream, trailers: readonly Field[] | undefined): void {
    if (this.stream !== stream) return;
    if (stream.chunked) writeLastChunk(this.out, trailers);
    if (this.state === 'raw') this.endAfterFlush = true;
    this.options.turn.schedule(this);
  }

  /** @internal called by the stream */
  abandon(stream: Http1ClientStream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.state = 'broken';
    this.transport.abort();
  }

  private process(bytes: Uint8Array, borrowed: boolean): void {
    this.processing = true;
    try {
      this.read(bytes, borrowed);
    } finally {
      this.processing = false;
    }
    if (this.recycleDue) this.recycle();
  }

  private read(bytes: Uint8Array, borrowed: boolean): void {
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
        this.begin(bytes, at, end);
        at = end;
      } else if (this.state === 'body' || this.state === 'raw') {
        at = this.body.read(bytes, at, bytes.length, this);
      } else {
        // More than one response to one request: the rest must not answer the next.
        if (this.state === 'idle') {
          this.state = 'broken';
          this.transport.abort();
        }
        return;
      }
    }
  }

  private begin(bytes: Uint8Array, start: number, end: number): void {
    const stream = this.stream as Http1ClientStream;
    const { head, hop } = parseResponseHead(bytes, start, end, this.options.fields, this.limits);
    const { status } = head;
    if ((status < 200 || status === 204) && (hop.chunked || hop.contentLength > 0))
      throw new Http1Error(502, 'body in a response that has none');
    if (status === 204) head.contentLength = -1;
    if (status >= 100 && status < 200 && status !== 101) {
      if (++this.informationals > mostInformationals) throw new Http1Error(502, 'too many informational responses');
      head.contentLength = -1;
      stream.handler.onInformational(head);
      return;
    }
    if (status === 101 && !stream.upgrade) throw new Http1Error(502, 'switching protocols unasked');
    if (hop.close) this.keepAlive = false;
    const raw = status === 101 || (stream.method === 'CONNECT' && status >= 200 && status < 300);
    if (raw) {
      if (hop.chunked || hop.contentLength > 0) throw new Http1Error(502, 'tunnel with a body');
      this.state = 'raw';
      this.keepAlive = false;
      this.body.startRaw();
      stream.handler.onResponse(head, false);
      return;
    }
    head.upgrade = undefined;
    this.state = 'body';
    const bodiless = stream.method === 'HEAD' || status === 204 || status === 304;
    if (bodiless) this.body.startSized(0);
    else if (hop.chunked) this.body.startChunked();
    else if (hop.contentLength >= 0) this.body.startSized(hop.contentLength);
    else {
      this.keepAlive = false;
      this.body.startUntilClose();
    }
    const ended = this.body.done;
    if (ended) this.responseEnded(stream);
    stream.handler.onResponse(head, ended);
    if (ended) this.recycle();
  }

  private responseEnded(stream: Http1ClientStream): void {
    // A request whose body is still on its way would run into the next one.
    if (!stream.requestOver) this.keepAlive = false;
    stream.requestOver = true;
    this.stream = undefined;
    this.state = 'idle';
  }

  private recycle(): void {
    this.recycleDue = this.processing;
    if (this.processing || this.state !== 'idle') return;
    this.outstanding = 0;
    this.unsent = 0;
    if (!this.keepAlive || this.draining) {
      this.draining = true;
      this.transport.close();
      return;
    }
    if (this.paused) {
      this.paused = false;
      this.transport.resume();
    }
    this.options.onAvailable(this);
  }

  private break(code: ErrorCode, reason: string): void {
    const stream = this.stream;
    this.stream = undefined;
    this.state = 'broken';
    this.transport.abort();
    stream?.handler.onReset(code, reason);
  }

  private reportSent(): void {
    const unsent = this.unsent;
    this.unsent = 0;
    if (unsent > 0) this.stream?.handler.onSent(unsent);
  }
}
