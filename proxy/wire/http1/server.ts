import { type Deadlines, defaultDeadlines, Since } from '../deadlines.ts';
import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { type Building, ErrorCode, type RequestHead, type RequestListener, type ResponseHead } from '../stream.ts';
import { defaultHeadLimits, type HeadLimits, Http1Error } from '../syntax.ts';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';
import type { HopFields } from './field-parser.ts';
import { Parting } from './parting.ts';
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
  /** Monotonic milliseconds: tells a client that half-closes from one that goes (see Parting). Default: none goes. */
  nowMs?: () => number;
  onRequest: RequestListener;
  /** A request was refused as malformed; `reason` names the rule. */
  onBadRequest?: (reason: string) => void;
  /** The connection is gone. */
  onClosed?: () => void;
}

/** What is left of a request that is answered already: up to this, it is read so that the connection can go on. */
const keptRestBytes = 256 * 1024;
/** A rest that nobody wants may take this many times the deadline for a client that sends nothing of it. */
const restDeadlines = 3;

const clientClosed = 'client closed the connection';

/**
 * `linger`: the last response is written, we have sent FIN or are about to, and what comes is dropped until the client's;
 * `closed`: the connection is gone.
 */
type State = 'open' | 'linger' | 'closed';

/**
 * The accepting side of one HTTP/1 connection: one request after the other, pipelined ones wait for the response before
 * theirs. Malformed input is answered with its status and the connection closed.
 *
 * A response may end before its request. What is left of the request is then read and dropped, since closing on it would
 * cost the client its answer (RFC 9112 section 9.6); no handler hears of it. A small rest leaves the connection usable;
 * one that is large, or of unknown length behind an error, is told by `connection: close`. Both are bounded in time.
 */
export class Http1Server implements TransportHandler, Flushable, RequestSink {
  private readonly options: Http1ServerOptions;
  private readonly transport: Transport;
  scheduled = false;
  private readonly reader: RequestReader;
  private readonly writer: ResponseWriter;
  private state: State = 'open';
  private current: Http1ServerStream | undefined = undefined;
  private finAfterFlush = false;
  private closeAfterResponse = false;
  private readonly headSince = new Since();
  private readonly idleSince = new Since();
  private readonly blockedSince = new Since();
  private readonly restSince = new Since();
  private readonly restSilentSince = new Since();
  private restDeadlines = restDeadlines;
  private readonly parting: Parting;

  constructor(options: Http1ServerOptions) {
    const { transport, fields, scheme = 'http', limits = defaultHeadLimits } = options;
    this.options = options;
    this.transport = transport;
    this.reader = new RequestReader(this, transport, fields, scheme, limits);
    this.writer = new ResponseWriter(transport);
    this.parting = new Parting(options.nowMs ?? (() => 0));
  }

  get activeStreams(): number {
    return this.current === undefined ? 0 : 1;
  }

  private get isIdle(): boolean {
    return this.state === 'open' && this.current === undefined && !this.reader.insideHead && !this.reader.dropping;
  }

  /** Finishes the request under way, if any, then closes. */
  drain(): void {
    this.closeAfterResponse = true;
    if (this.current !== undefined || this.state !== 'open') return;
    if (this.reader.dropping) this.linger(restDeadlines);
    else this.closeSoon();
  }

  onBytes(chunk: Uint8Array): void {
    this.restSilentSince.restart();
    if (this.state !== 'open') return;
    this.parting.heard();
    this.reader.read(chunk);
  }

  /**
   * To be called every second or so: ends what has waited for longer than a deadline (see Deadlines). A body has none: it
   * may take as long as the application lets it.
   */
  checkDeadlines(nowMs: number): void {
    if (this.state === 'closed') return;
    const { headMs, stallMs, closeMs, idleMs } = this.options.deadlines ?? defaultDeadlines;
    if (this.blockedSince.exceeds(this.transport.blocked, nowMs, stallMs)) {
      this.transport.abort();
      return;
    }
    const rest = (this.state === 'linger' && !this.transport.blocked) || this.reader.dropping;
    if (
      this.restSilentSince.exceeds(rest, nowMs, closeMs) ||
      this.restSince.exceeds(rest, nowMs, this.restDeadlines * closeMs)
    ) {
      // Not a reset: what the kernel has of the answer may still be on its way to a client that reads slowly.
      this.closeSoon();
      return;
    }
    // A client that takes slowly what waits for it has not gone.
    const silent = this.current?.raw === false && !this.transport.blocked;
    if (this.parting.isOver(silent, nowMs)) this.leave(clientClosed);
    else if (this.headSince.exceeds(this.reader.insideHead, nowMs, headMs))
      this.onMalformed(new Http1Error(408, 'head took too long'));
    else if (this.idleSince.exceeds(this.isIdle, nowMs, idleMs)) this.drain();
  }

  onDrain(): void {
    this.blockedSince.restart();
    this.writer.reportSent();
    if (this.finAfterFlush) this.transport.end();
  }

  onEnd(): void {
    if (this.state === 'closed') return;
    const stream = this.current;
    const together = this.parting.end();
    if (this.reader.state === 'raw') this.reader.close();
    else if (stream === undefined || this.state !== 'open') this.closeSoon();
    else if (this.reader.state === 'body') this.leave('client ended inside its request');
    else if (!together && !stream.answered) this.leave(clientClosed);
  }

  onClose(_error: Error | undefined): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    const stream = this.current;
    this.current = undefined;
    stream?.fail(ErrorCode.cancel, clientClosed);
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
    this.idleSince.restart();
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

  onRestRead(): void {
    this.reader.next();
  }

  onMalformed(error: Http1Error): void {
    this.options.onBadRequest?.(error.message);
    const stream = this.current;
    this.current = undefined;
    const cutShort = stream?.responded === true;
    // Behind an answer there is no second one.
    const answered = this.reader.dropping;
    stream?.fail(ErrorCode.protocolError, error.message);
    if (cutShort) this.breakOff();
    else {
      if (!answered) this.writer.refusal(error.status);
      this.linger(1);
    }
  }

  /** @internal called by the stream */
  credit(stream: Http1ServerStream, bytes: number): void {
    if (this.current === stream) this.reader.credit(bytes);
  }

  /** @internal called by the stream */
  writeHead(stream: Http1ServerStream, head: ResponseHead, end: boolean): void {
    if (stream.hop.close || stream.endsWithConnection(head, end) || this.isLast(stream, head, end))
      this.closeAfterResponse = true;
    this.writer.head(stream, head, end, this.closeAfterResponse);
    this.options.turn.schedule(this);
    this.parting.answered();
    if (stream.raw) {
      this.reader.startRaw();
      if (this.parting.ended) this.reader.close();
    }
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
    this.parting.answered();
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
    if (this.closeAfterResponse) this.linger(restDeadlines);
    else if (this.reader.state === 'body') this.reader.drop();
    else {
      this.reader.next();
      // What came before the client's FIN has been answered.
      if (this.parting.ended && this.current === undefined && !this.reader.processing) this.closeSoon();
    }
  }

  /** Whether the connection ends with a response that is about to begin: nothing comes behind it, or nothing wanted. */
  private isLast(stream: Http1ServerStream, head: ResponseHead, end: boolean): boolean {
    const { reader } = this;
    // What a client sends for a tunnel before it has one is somebody else's bytes: they must not become its requests.
    if (stream.method === 'CONNECT' && !stream.isTunnel(head.status)) return true;
    if (reader.state !== 'body') return this.parting.ended && reader.empty;
    // A client that waits for its 100 does not send the body, or not that body.
    if (stream.hop.expectContinue && !stream.continued && !reader.bodyBegun) return true;
    // A response that is no error may take the request as it comes. An error with `close` spares the client the rest.
    return (end || head.status >= 400) && reader.restBytes > keptRestBytes;
  }

  /** Nobody waits for the answer any more. */
  private leave(reason: string): void {
    const stream = this.current;
    this.current = undefined;
    this.closeSoon();
    stream?.fail(ErrorCode.cancel, reason);
  }

  /** Closes once what was written has left. */
  private closeSoon(): void {
    this.state = 'linger';
    this.reader.stop();
    this.writer.flush();
    this.transport.close();
  }

  /** Sends FIN behind the last response, and reads on until the client's. */
  private linger(deadlines: number): void {
    if (this.parting.ended) {
      this.closeSoon();
      return;
    }
    this.state = 'linger';
    this.restDeadlines = deadlines;
    this.finAfterFlush = true;
    this.options.turn.schedule(this);
    this.reader.stop();
  }
}
