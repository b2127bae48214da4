import type { Field } from '../field.ts';
import { type ClientConnection, ErrorCode, type RequestHead, type ResponseHandler, type Stream } from '../stream.ts';
import { CancelBudget, meshedPeer, type ResetLimits } from './cancel-budget.ts';
import { ConnectionError, preface, Setting } from './frame.ts';
import { Http2Stream } from './http2-stream.ts';
import { MalformedMessage, responseHead } from './message.ts';
import { Http2Session } from './session.ts';
import type { Http2SessionOptions } from './settings.ts';

export interface Http2ClientOptions extends Http2SessionOptions {
  /** How many streams may be reset before the connection takes no more. Default: what proxies of the mesh take. */
  resets?: ResetLimits;
  /** A connection takes requests that took none before: the peer's SETTINGS are known, or a stream is free again. */
  onAvailable: (connection: Http2Client) => void;
  onClosed: (connection: Http2Client, error: Error | undefined) => void;
}

/** 1xx responses that may come before the final one. */
const mostInformationals = 32;
const lastClientStreamId = 0x7fffffff;

/**
 * The connecting side of an HTTP/2 connection. It takes requests once the peer's SETTINGS have come: before that nobody
 * knows how many streams the peer allows, and what it then refuses cannot always be sent again.
 */
export class Http2Client extends Http2Session implements ClientConnection {
  private readonly options: Http2ClientOptions;
  private nextId = 1;
  listed = false;
  private readonly cancels: CancelBudget;
  /** What the peer's limit was when the owner last learned of it. */
  private knownMaxStreams = 0;

  constructor(options: Http2ClientOptions) {
    super(options, [[Setting.enablePush, 0]]);
    this.options = options;
    this.cancels = new CancelBudget(options.resets ?? meshedPeer);
    const { buffer } = this.output;
    const settings = buffer.take();
    buffer.append(preface);
    buffer.append(settings);
  }

  /** The peer's SETTINGS have come: what it allows is known. */
  get greeted(): boolean {
    return this.peer.seen;
  }

  get available(): boolean {
    return this.activeStreams < this.peer.maxStreams && !this.draining;
  }

  /** It will never take a request again, by our wish or the peer's. */
  get draining(): boolean {
    return this.goAwaySent || this.goAwayReceived || this.finishing || this.closed;
  }

  get requests(): number {
    return (this.nextId - 1) / 2;
  }

  request(
    head: RequestHead,
    end: boolean,
    handler: ResponseHandler,
    extra: readonly Field[] | undefined = undefined,
  ): Stream | undefined {
    if (!this.available) return undefined;
    if (head.upgrade !== undefined && !this.peer.connectProtocol) {
      const refused = new Http2Stream(this.streams, this.nextId, 0, 0);
      refused.reset_ = true;
      handler.onReset(ErrorCode.http11Required, 'the peer takes no extended CONNECT');
      return refused;
    }
    const stream = this.streams.add(this.nextId);
    stream.handler = handler;
    stream.awaitsResponse = true;
    stream.headRequest = head.method === 'HEAD';
    this.output.writeRequest(stream, head, end, extra);
    this.nextId += 2;
    if (this.nextId > lastClientStreamId) this.drain();
    return stream;
  }

  /** @internal */
  override onStreamReset(stream: Http2Stream): void {
    if (!this.cancels.reset(stream.remoteEnded, this.activeStreams)) this.drain();
  }

  /** @internal */
  override onHeaders(id: number, fields: Field[] | undefined, end: boolean): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'HEADERS on an idle stream');
      return;
    }
    if (stream.remoteEnded) {
      this.streams.refuse(id, ErrorCode.streamClosed, 'HEADERS behind the end');
      return;
    }
    if (fields === undefined) throw new MalformedMessage('header list too large');
    if (!stream.awaitsResponse) {
      this.streams.takeTrailers(stream, fields, end);
      return;
    }
    const handler = stream.handler as ResponseHandler;
    const head = responseHead(fields);
    if (head.status < 200) {
      if (end || head.status === 101) throw new MalformedMessage('informational response that ends the stream');
      if (++stream.informationals > mostInformationals) throw new MalformedMessage('too many informational responses');
      handler.onInformational(head);
      return;
    }
    stream.awaitsResponse = false;
    const bodiless = stream.headRequest || head.status === 204 || head.status === 304;
    if (end && !bodiless && head.contentLength > 0) throw new MalformedMessage('body shorter than its content-length');
    stream.expectedBytes = bodiless ? 0 : head.contentLength;
    if (end) this.streams.endRemote(stream);
    handler.onResponse(head, end);
  }

  /** @internal */
  override onStreamClosed(stream: Http2Stream): void {
    if (stream.remoteEnded && !stream.reset_) this.cancels.completed();
    if (this.activeStreams === this.peer.maxStreams - 1 && this.available) this.options.onAvailable(this);
    super.onStreamClosed(stream);
  }

  /** @internal */
  override onPeerSettings(): void {
    // A limit that was raised leaves room where none will come of a stream that closes.
    const wasFull = this.activeStreams >= this.knownMaxStreams;
    this.knownMaxStreams = this.peer.maxStreams;
    if (wasFull && this.available) this.options.onAvailable(this);
  }

  protected override onPassed(seconds: number): void {
    super.onPassed(seconds);
    this.cancels.passed(seconds);
  }

  protected override onConnectionClosed(error: Error | undefined): void {
    this.options.onClosed(this, error);
  }

  /** @internal */
  override isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.nextId;
  }

  /** @internal */
  override isPeerStream(id: number): boolean {
    return (id & 1) === 0;
  }
}
