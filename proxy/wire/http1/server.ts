import { type Deadlines, defaultDeadlines, Since } from '../deadlines.ts';
import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { responseHead } from '../heads.ts';
import { OutputBuffer } from '../output-buffer.ts';
import { ErrorCode, type RequestListener, type ResponseHead } from '../stream.ts';
import { defaultHeadLimits, type HeadLimits, Http1Error, headEnd, lastLineStart } from '../syntax.ts';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';
import { BodyReader, type BodySink } from './body-reader.ts';
import { parseRequestHead } from './head-parser.ts';
import { type WrittenFraming, writeChunk, writeFields, writeLastChunk, writeResponseHead } from './head-writer.ts';
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

/** Request bytes that may be on their way to the upstream before reading stops. */
const receiveWindowBytes = 64 * 1024;
/** Bytes of a refused or unread request that are read and dropped, so that the response is not lost to a RST. */
const lingerBytes = 256 * 1024;
const nothing = new Uint8Array(0);

/** `head`: between requests; `body`: reading one; `wait`: read, response not finished; `raw`: tunnel; `linger`: closing. */
type State = 'head' | 'body' | 'wait' | 'raw' | 'linger' | 'closed';

/**
 * The accepting side of one HTTP/1 connection: one request after the other, pipelined ones wait for the response before
 * theirs. Malformed input is answered with its status and the connection closed.
 */
export class Http1Server implements TransportHandler, Flushable, BodySink {
  private readonly options: Http1ServerOptions;
  private readonly transport: Transport;
  private readonly limits: HeadLimits;
  scheduled = false;
  private readonly out = new OutputBuffer();
  private readonly body: BodyReader;
  private state: State = 'head';
  private held: Uint8Array = nothing;
  private scanFrom = 0;
  private current: Http1ServerStream | undefined = undefined;
  private outstanding = 0;
  private paused = false;
  private lingered = 0;
  private unsent = 0;
  private unsentBy: Http1ServerStream | undefined = undefined;
  private finAfterFlush = false;
  private closeAfterResponse = false;
  private processing = false;
  private readonly headSince = new Since();
  private readonly blockedSince = new Since();
  private readonly lingerSince = new Since();

  constructor(options: Http1ServerOptions) {
    this.options = options;
    this.transport = options.transport;
    this.limits = options.limits ?? defaultHeadLimits;
    this.body = new BodyReader(options.fields, this.limits);
  }

  /** Finishes the request under way, if any, then closes. */
  drain(): void {
    this.closeAfterResponse = true;
    if (this.current === undefined && this.state !== 'closed') this.transport.close();
  }

  onBytes(chunk: Uint8Array): void {
    if (this.state === 'closed') return;
    if (this.state === 'linger') {
      this.lingered += chunk.length;
      if (this.lingered > lingerBytes) this.transport.abort();
      return;
    }
    let bytes = chunk;
    if (this.held.length > 0) {
      bytes = new Uint8Array(this.held.length + chunk.length);
      bytes.set(this.held);
      bytes.set(chunk, this.held.length);
      this.held = nothing;
    }
    this.process(bytes, bytes === chunk);
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
    } else if (this.headSince.exceeds(this.state === 'head' && this.held.length > 0, nowMs, headMs))
      this.refuse(new Http1Error(408, 'head took too long'));
  }

  onDrain(): void {
    this.blockedSince.restart();
    this.reportSent();
    if (this.finAfterFlush) this.transport.end();
  }

  onEnd(): void {
    if (this.state === 'body' || this.state === 'raw') {
      if (!this.body.close(this)) {
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
    stream?.handler?.onReset(ErrorCode.cancel, 'client closed the connection');
    this.options.onClosed?.();
  }

  flush(): void {
    if (this.state === 'closed') return;
    // What was written directly may wait as well: then `onDrain` tells of it.
    if (this.out.length > 0 ? !this.out.writeTo(this.transport) : this.transport.blocked) return;
    this.reportSent();
    if (this.finAfterFlush) this.transport.end();
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    const stream = this.current;
    if (end && this.state === 'body') this.requestEnded();
    if (stream === undefined) return;
    this.outstanding += chunk.length;
    if (this.outstanding > receiveWindowBytes && !this.paused) {
      this.paused = true;
      this.transport.pause();
    }
    stream.handler?.onData(chunk, end);
  }

  onBodyTrailers(fields: readonly Field[]): void {
    const stream = this.current;
    this.requestEnded();
    stream?.handler?.onTrailers(fields);
  }

  /** @internal called by the stream */
  credit(bytes: number): void {
    this.outstanding = Math.max(0, this.outstanding - bytes);
    this.resumeIfRoom();
  }

  /** @internal called by the stream */
  writeHead(stream: Http1ServerStream, head: ResponseHead, end: boolean): void {
    const raw = head.status === 101 || (stream.method === 'CONNECT' && head.status >= 200 && head.status < 300);
    const bodiless = raw || head.status === 204 || head.status === 304 || stream.method === 'HEAD';
    const framing: WrittenFraming = {
      contentLength: raw || head.status === 204 ? -1 : head.contentLength,
      chunked: false,
      close: false,
      keepAlive: false,
      upgrade: head.status === 101 ? head.upgrade : undefined,
    };
    if (end && !bodiless && framing.contentLength < 0) framing.contentLength = 0;
    else if (!end && !bodiless && framing.contentLength < 0) {
      if (stream.hop.minorVersion === 1) framing.chunked = true;
      else this.closeAfterResponse = true;
    }
    if (stream.hop.close) this.closeAfterResponse = true;
    if (!raw) {
      framing.close = this.closeAfterResponse;
      framing.keepAlive = !framing.close && stream.hop.minorVersion === 0;
    }
    stream.chunked = framing.chunked;
    stream.bodiless = bodiless && !raw;
    stream.raw = raw;
    writeResponseHead(this.out, head, framing);
    this.options.turn.schedule(this);
    if (raw) this.startRaw();
    if (end) this.responseEnded(stream);
  }

  /** @internal called by the stream */
  writeInformational(head: ResponseHead): void {
    this.out.appendLatin1(`HTTP/1.1 ${head.status} ${head.status === 100 ? 'Continue' : ''}\r\n`);
    writeFields(this.out, head.fields);
    this.out.appendLatin1('\r\n');
    this.options.turn.schedule(this);
  }

  /** @internal called by the stream */
  writeBody(stream: Http1ServerStream, chunk: Uint8Array, end: boolean): void {
    if (chunk.length > 0 && !stream.bodiless) {
      if (stream.chunked) writeChunk(this.out, chunk, this.transport);
      else this.out.appendBody(chunk, this.transport);
    }
    this.unsent += chunk.length;
    this.unsentBy = stream;
    this.options.turn.schedule(this);
    if (!end) return;
    if (stream.chunked) writeLastChunk(this.out, undefined);
    this.responseEnded(stream);
  }

  /** @internal called by the stream */
  writeTrailers(stream: Http1ServerStream, fields: readonly Field[]): void {
    if (stream.chunked) writeLastChunk(this.out, fields);
    this.options.turn.schedule(this);
    this.responseEnded(stream);
  }

  /** @internal called by the stream: the only way to cut a response short in HTTP/1 is to break the connection. */
  breakOff(): void {
    this.current = undefined;
    this.state = 'linger';
    this.transport.abort();
  }

  private process(bytes: Uint8Array, borrowed: boolean): void {
    let at = 0;
    this.processing = true;
    try {
      while (at < bytes.length) {
        if (this.state === 'head') {
          const end = headEnd(bytes, at + this.scanFrom, bytes.length);
          if (end < 0) {
            if (bytes.length - at > this.limits.headBytes) throw new Http1Error(431, 'head too large');
            this.scanFrom = lastLineStart(bytes, at + this.scanFrom, bytes.length) - at;
            break;
          }
          if (end - at > this.limits.headBytes) throw new Http1Error(431, 'head too large');
          this.scanFrom = 0;
          this.headSince.restart();
          this.begin(bytes, at, end);
          at = end;
        } else if (this.state === 'body' || this.state === 'raw') {
          at = this.body.read(bytes, at, bytes.length, this);
          if (this.state === 'raw' && this.body.done) break;
        } else break;
      }
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.refuse(error);
      return;
    } finally {
      this.processing = false;
    }
    if (at < bytes.length && (this.state === 'head' || this.state === 'wait')) {
      this.held = borrowed ? bytes.slice(at) : bytes.subarray(at);
      if (this.state === 'wait' && this.held.length > receiveWindowBytes && !this.paused) {
        this.paused = true;
        this.transport.pause();
      }
    }
  }

  private begin(bytes: Uint8Array, start: number, end: number): void {
    const { head, hop } = parseRequestHead(
      bytes,
      start,
      end,
      this.options.scheme ?? 'http',
      this.options.fields,
      this.limits,
    );
    const tunnel = head.method === 'CONNECT' || (head.upgrade !== undefined && !hop.chunked && hop.contentLength <= 0);
    if (!tunnel) head.upgrade = undefined;
    const stream = new Http1ServerStream(this, head, hop);
    this.current = stream;
    const ended = !hop.chunked && hop.contentLength <= 0;
    this.state = ended ? 'wait' : 'body';
    if (hop.chunked) this.body.startChunked();
    else this.body.startSized(Math.max(0, hop.contentLength));
    const handler = this.options.onRequest(stream, head, ended && !tunnel);
    stream.handler = handler;
  }

  private requestEnded(): void {
    this.state = 'wait';
    if (this.current === undefined) this.next();
  }

  private responseEnded(stream: Http1ServerStream): void {
    if (this.current !== stream) return;
    if (stream.raw) {
      // A tunnel ends one direction at a time.
      this.finAfterFlush = true;
      return;
    }
    this.current = undefined;
    // An upstream that has ended needs no credit any more.
    this.unsent = 0;
    if (this.state === 'body') {
      // The rest of the request has no reader any more.
      this.state = 'linger';
      this.finish();
    } else this.next();
  }

  private next(): void {
    if (this.state !== 'wait') return;
    if (this.closeAfterResponse) {
      this.state = 'linger';
      this.finish();
      return;
    }
    this.state = 'head';
    this.outstanding = 0;
    this.resumeIfRoom();
    // Inside `process` the loop goes on by itself.
    if (this.processing || this.held.length === 0) return;
    const held = this.held;
    this.held = nothing;
    this.process(held, false);
  }

  private startRaw(): void {
    this.state = 'raw';
    this.body.startRaw();
    if (this.processing || this.held.length === 0) return;
    const held = this.held;
    this.held = nothing;
    this.process(held, false);
  }

  private finish(): void {
    this.finAfterFlush = true;
    this.options.turn.schedule(this);
    if (this.paused) {
      this.paused = false;
      this.transport.resume();
    }
  }

  private refuse(error: Http1Error): void {
    this.options.onBadRequest?.(error.message);
    const stream = this.current;
    this.current = undefined;
    this.state = 'linger';
    if (stream?.responded) {
      stream.handler?.onReset(ErrorCode.protocolError, error.message);
      this.transport.abort();
      return;
    }
    stream?.handler?.onReset(ErrorCode.protocolError, error.message);
    writeResponseHead(this.out, responseHead(error.status, 0), {
      contentLength: 0,
      chunked: false,
      close: true,
      keepAlive: false,
      upgrade: undefined,
    });
    this.finish();
  }

  private resumeIfRoom(): void {
    if (!this.paused || this.outstanding > receiveWindowBytes / 2) return;
    this.paused = false;
    this.transport.resume();
  }

  private reportSent(): void {
    const { unsent, unsentBy } = this;
    this.unsent = 0;
    this.unsentBy = undefined;
    if (unsent > 0) unsentBy?.handler?.onSent(unsent);
  }
}
