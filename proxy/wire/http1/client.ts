import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import {
  type ClientConnection,
  closedInResponse,
  closedUnanswered,
  ErrorCode,
  type RequestHead,
  type ResponseHandler,
  type ResponseHead,
  type Stream,
} from '../stream.ts';
import { defaultHeadLimits, type HeadLimits, type Http1Error } from '../syntax.ts';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';
import { Http1ClientStream } from './client-stream.ts';
import { RequestWriter } from './request-writer.ts';
import { ResponseReader, type ResponseSink } from './response-reader.ts';

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

/** The connecting side of one HTTP/1 connection: one request at a time, never pipelined. */
export class Http1Client implements ClientConnection, TransportHandler, Flushable, ResponseSink {
  private readonly options: Http1ClientOptions;
  private readonly transport: Transport;
  scheduled = false;
  listed = false;
  requests = 0;
  private readonly reader: ResponseReader;
  private readonly writer: RequestWriter;
  private stream: Http1ClientStream | undefined = undefined;
  draining = false;
  private closed = false;
  private outstanding = 0;
  private paused = false;
  private endAfterFlush = false;
  /** A response ended in what is being read: whether the connection can be used again depends on what follows. */
  private recycleDue = false;

  constructor(options: Http1ClientOptions) {
    const { transport, fields, limits = defaultHeadLimits } = options;
    this.options = options;
    this.transport = transport;
    this.reader = new ResponseReader(this, fields, limits);
    this.writer = new RequestWriter(transport);
  }

  get activeStreams(): number {
    return this.stream === undefined ? 0 : 1;
  }

  get available(): boolean {
    return this.reader.state === 'idle' && !this.closed && !this.draining && !this.reader.processing;
  }

  request(
    head: RequestHead,
    end: boolean,
    handler: ResponseHandler,
    extra: readonly Field[] | undefined = undefined,
  ): Stream | undefined {
    if (!this.available) return undefined;
    const tunnel = head.method === 'CONNECT' || head.upgrade !== undefined;
    const chunked = !tunnel && !end && head.contentLength < 0;
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
    this.reader.expect(stream);
    this.writer.head(stream, head, end, extra);
    this.options.turn.schedule(this);
    return stream;
  }

  drain(): void {
    this.draining = true;
    if (this.reader.state === 'idle') this.hangUp();
  }

  close(): void {
    if (this.transport.blocked) this.transport.abort();
    else this.transport.close();
  }

  onBytes(chunk: Uint8Array): void {
    if (this.reader.state === 'stopped' || this.closed) return;
    this.reader.read(chunk);
    if (this.recycleDue) this.recycle();
  }

  onDrain(): void {
    this.reportSent();
    if (this.endAfterFlush) this.transport.end();
  }

  onEnd(): void {
    const { begun } = this.reader;
    if (!this.reader.close()) this.break(ErrorCode.internalError, begun ? closedInResponse : closedUnanswered);
    else if (this.reader.state === 'idle') this.hangUp();
  }

  onClose(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    const stream = this.stream;
    this.stream = undefined;
    stream?.handler.onReset(ErrorCode.internalError, this.reader.begun ? closedInResponse : closedUnanswered);
    this.options.onClosed(this, error);
  }

  flush(): void {
    // What was written directly may wait as well: then `onDrain` tells of it.
    if (this.closed || !this.writer.flush()) return;
    this.reportSent();
    if (this.endAfterFlush) this.transport.end();
  }

  onInformationalHead(head: ResponseHead): void {
    this.stream?.handler.onInformational(head);
  }

  onResponseHead(head: ResponseHead, end: boolean): void {
    const stream = this.stream as Http1ClientStream;
    if (end) this.responseEnded(stream);
    stream.handler.onResponse(head, end);
    if (end) this.recycle();
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    const stream = this.stream;
    if (stream === undefined) return;
    if (end && this.reader.state === 'body') this.responseEnded(stream);
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

  /** Bytes that nothing asked for, or behind a response: whatever they answer, they must not answer the next request. */
  onSurplus(): void {
    this.reader.stop();
    this.transport.abort();
  }

  onMalformed(error: Http1Error): void {
    this.break(ErrorCode.protocolError, `malformed response: ${error.message}`);
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
    this.writer.body(stream, chunk);
    this.options.turn.schedule(this);
    if (end) this.requestEnded(stream, undefined);
  }

  /** @internal called by the stream */
  requestEnded(stream: Http1ClientStream, trailers: readonly Field[] | undefined): void {
    if (this.stream !== stream) return;
    this.writer.end(stream, trailers);
    if (this.reader.state === 'raw') this.endAfterFlush = true;
    this.options.turn.schedule(this);
  }

  /** @internal called by the stream */
  abandon(stream: Http1ClientStream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.reader.stop();
    this.transport.abort();
  }

  private responseEnded(stream: Http1ClientStream): void {
    // A request whose body is still on its way would run into the next one.
    if (!stream.requestOver) this.reader.keepAlive = false;
    stream.requestOver = true;
    this.stream = undefined;
    this.reader.ended();
  }

  private recycle(): void {
    this.recycleDue = this.reader.processing;
    if (this.recycleDue || this.reader.state !== 'idle') return;
    this.outstanding = 0;
    if (!this.reader.keepAlive || this.draining) {
      this.hangUp();
      return;
    }
    if (this.paused) {
      this.paused = false;
      this.transport.resume();
    }
    this.options.onAvailable(this);
  }

  /** Closes behind a whole response. What is left of a request goes with it: a server that does not read it would hold it. */
  private hangUp(): void {
    this.draining = true;
    this.reader.stop();
    this.writer.drop();
    this.close();
  }

  private break(code: ErrorCode, reason: string): void {
    const stream = this.stream;
    this.stream = undefined;
    this.reader.stop();
    this.transport.abort();
    stream?.handler.onReset(code, reason);
  }

  private reportSent(): void {
    const sent = this.writer.takeSent();
    if (sent > 0) this.stream?.handler.onSent(sent);
  }
}
