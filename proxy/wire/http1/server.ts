import { type Deadlines, defaultDeadlines, Since } from '../deadlines.ts';
import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { type Building, ErrorCode, type RequestHead, type RequestListener, type ResponseHead } from '../stream.ts';
import { defaultHeadLimits, type HeadLimits, Http1Error } from '../syntax.ts';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';
import type { HopFields } from './field-parser.ts';
import { RequestReader, type RequestSink } from './request-reader.ts';
import { ResponseWriter } from './response-writer.ts';
import { Http1ServerStream } from './server-stream.ts';

export interface Http1ServerOptions {
  transport: Transport;
  turn: Turn;
  fields: FieldTable;
  /** Scheme of requests in origin-form. Default `http`. */
  scheme?: string;
  limits?: HeadLimits;
  deadlines?: Deadlines;
  onRequest: RequestListener;
  /** A request was refused as malformed; `reason` names the rule. */
  onBadRequest?: (reason: string) => void;
  /** The connection is gone. */
  onClosed?: () => void;
}

/** Bytes of a refused or unread request that are read and dropped, so that the response is not lost to a RST. */
const lingerBytes = 256 * 1024;

/** `linger`: the last response is written, and we have sent FIN or are about to; `closed`: the connection is gone. */
type State = 'open' | 'linger' | 'closed';

/**
 * The accepting side of one HTTP/1 connection: one request after the other, pipelined ones wait for the response before
 * theirs. Malformed input is answered with its status and the connection closed.
 */
export class Http1Server implements TransportHandler, Flushable, RequestSink {
  private readonly options: Http1ServerOptions;
  private readonly transport: Transport;
  scheduled = false;
  private readonly reader: RequestReader;
  private readonly writer: ResponseWriter;
  private state: State = 'open';
  private current: Http1ServerStream | undefined = undefined;
  private lingered = 0;
  private finAfterFlush = false;
  private closeAfterResponse = false;
  private readonly headSince = new Since();
  private readonly blockedSince = new Since();
  private readonly lingerSince = new Since();

  constructor(options: Http1ServerOptions) {
    const { transport, fields, scheme = 'http', limits = defaultHeadLimits } = options;
    this.options = options;
    this.transport = transport;
    this.reader = new RequestReader(this, transport, fields, scheme, limits);
    this.writer = new ResponseWriter(transport);
  }

  /** Finishes the request under way, if any, then closes. */
  drain(): void {
    this.closeAfterResponse = true;
    if (this.current === undefined && this.state !== 'closed') this.transport.close();
  }

  onBytes(chunk: Uint8Array): void {
    if (this.state === 'open') this.reader.read(chunk);
    else if (this.state === 'linger') {
      this.lingered += chunk.length;
      if (this.lingered > lingerBytes) this.transport.abort();
    }
  }

  /**
   * To be called every second or so: ends what has waited for longer than a deadline (see Deadlines). A body has none: it
   * may take as long as the application lets it.
   */
  checkDeadlines(nowMs: number): void {
    if (this.state === 'closed') return;
    const { headMs, stallMs, closeMs } = this.options.deadlines ?? defaultDeadlines;
    if (
      this.lingerSince.exceeds(this.state === 'linger', nowMs, closeMs) ||
      this.blockedSince.exceeds(this.transport.blocked, nowMs, stallMs)
    ) {
      this.transport.abort();
    } else if (this.headSince.exceeds(this.reader.insideHead, nowMs, headMs))
      this.onMalformed(new Http1Error(408, 'head took too long'));
  }

  onDrain(): void {
    this.blockedSince.restart();
    this.writer.reportSent();
    if (this.finAfterFlush) this.transport.end();
  }

  onEnd(): void {
    const { state } = this.reader;
    if (state === 'body' || state === 'raw') {
      if (!this.reader.close()) {
        this.current?.fail(ErrorCode.cancel, 'client ended inside its request');
        this.transport.close();
      }
      this.closeAfterResponse = true;
    } else if (this.current === undefined) this.transport.close();
    else this.closeAfterResponse = true;
  }

  onClose(_error: Error | undefined): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    const stream = this.current;
    this.current = undefined;
    stream?.fail(ErrorCode.cancel, 'client closed the connection');
    this.options.onClosed?.();
  }

  flush(): void {
    // What was written directly may wait as well: then `onDrain` tells of it.
    if (this.state === 'closed' || !this.writer.flush()) return;
    this.writer.reportSent();
    if (this.finAfterFlush) this.transport.end();
  }

  onRequestHead(head: Building<RequestHead>, hop: HopFields, ended: boolean): void {
    this.headSince.restart();
    const tunnel = head.method === 'CONNECT' || (head.upgrade !== undefined && ended);
    if (!tunnel) head.upgrade = undefined;
    const stream = new Http1ServerStream(this, head, hop);
    this.current = stream;
    stream.handler = this.options.onRequest(stream, head, ended && !tunnel);
  }

  onRequestData(chunk: Uint8Array, end: boolean): void {
    this.current?.handler?.onData(chunk, end);
  }

  onRequestTrailers(fields: readonly Field[]): void {
    this.current?.handler?.onTrailers(fields);
  }

  onMalformed(error: Http1Error): void {
    this.options.onBadRequest?.(error.message);
    const stream = this.current;
    this.current = undefined;
    const cutShort = stream?.responded === true;
    stream?.fail(ErrorCode.protocolError, error.message);
    if (cutShort) this.breakOff();
    else {
      this.writer.refusal(error.status);
      this.linger();
    }
  }

  /** @internal called by the stream */
  credit(bytes: number): void {
    this.reader.credit(bytes);
  }

  /** @internal called by the stream */
  writeHead(stream: Http1ServerStream, head: ResponseHead, end: boolean): void {
    if (stream.hop.close || stream.endsWithConnection(head, end)) this.closeAfterResponse = true;
    this.writer.head(stream, head, end, this.closeAfterResponse);
    this.options.turn.schedule(this);
    if (stream.raw) this.reader.startRaw();
    if (end) this.responseEnded(stream);
  }

  /** @internal called by the stream */
  writeInformational(head: ResponseHead): void {
    this.writer.informational(head);
    this.options.turn.schedule(this);
  }

  /** @internal called by the stream */
  writeBody(stream: Http1ServerStream, chunk: Uint8Array, end: boolean): void {
    this.writer.body(stream, chunk);
    this.options.turn.schedule(this);
    if (end) this.writeEnd(stream, undefined);
  }

  /** @internal called by the stream */
  writeEnd(stream: Http1ServerStream, trailers: readonly Field[] | undefined): void {
    this.writer.end(stream, trailers);
    this.options.turn.schedule(this);
    this.responseEnded(stream);
  }

  /** @internal called by the stream: the only way to cut a response short in HTTP/1 is to break the connection. */
  breakOff(): void {
    this.current = undefined;
    this.state = 'linger';
    this.reader.stop();
    this.transport.abort();
  }

  private responseEnded(stream: Http1ServerStream): void {
    if (this.current !== stream) return;
    if (stream.raw) {
      // A tunnel ends one direction at a time.
      this.finAfterFlush = true;
      return;
    }
    this.current = undefined;
    // The rest of a request that has been answered has no reader any more.
    if (this.closeAfterResponse || this.reader.state === 'body') this.linger();
    else this.reader.next();
  }

  /** Sends FIN behind the last response, and reads on until the client's. */
  private linger(): void {
    this.state = 'linger';
    this.finAfterFlush = true;
    this.options.turn.schedule(this);
    this.reader.stop();
  }
}
