import type { Field } from '../wire/field.ts';
import type {
  ClientConnection,
  ErrorCode,
  RequestHead,
  ResponseHandler,
  ResponseHead,
  Stream,
} from '../wire/stream.ts';
import type { Exchange } from './exchange.ts';
import type { AttemptObserver } from './observers.ts';
import type { Sender } from './plan.ts';
import type { ProxyFailure } from './proxy-failure.ts';

/** Where a try waits for something: it can be called off there. */
export interface WaitingPlace {
  cancel(): void;
}

/** One try of an exchange's request at one endpoint. */
export class Attempt implements ResponseHandler {
  readonly exchange: Exchange;
  /** Who was asked to send it; asked again for the next try. */
  readonly sender: Sender;
  /** The endpoint that had it before, or the try before it, which another is preferred to. */
  avoid: AttemptObserver | undefined;
  /** How often an endpoint that was to have it had no connection for it. */
  misses = 0;
  /** Who has it, and is told of it. */
  endpoint: AttemptObserver | undefined = undefined;
  /** Fields for this hop, written behind those of the head. */
  extra: readonly Field[] | undefined = undefined;
  /** Undefined while it is the exchange's. */
  ownHead: RequestHead | undefined = undefined;
  /** Where it waits for a connection; undefined when it does not. */
  waitingAt: WaitingPlace | undefined = undefined;
  /** Undefined until it was sent, and when it is over. */
  upstream: Stream | undefined = undefined;
  /** When a connection took it; -1 before. */
  sentMs = -1;
  /** When what came first behind the response's head came: bytes, trailers or its end; -1 before. */
  firstByteMs = -1;
  /** Bytes of the body that have left for the endpoint. */
  sentBytes = 0;
  /** It was not the first request of its connection: that may have been about to close. */
  reused = false;
  /** 0 until a response's head has come. */
  status = 0;
  /** -1 until it is known. */
  grpcStatus = -1;
  /** What ended it, if its response did not end by itself. */
  error: string | undefined = undefined;
  over = false;

  constructor(exchange: Exchange, sender: Sender, avoid: AttemptObserver | undefined) {
    this.exchange = exchange;
    this.sender = sender;
    this.avoid = avoid;
  }

  /** What goes to this endpoint: the exchange's own, but for what only this endpoint wants otherwise. */
  get head(): RequestHead {
    return this.ownHead ?? this.exchange.outgoing;
  }

  /**
   * Sends the request over `connection`. Returns false, with nothing sent, if it takes no request now. `nowMs` is the
   * time.
   */
  start(connection: ClientConnection, nowMs: number): boolean {
    const { exchange } = this;
    const upstream = connection.request(this.head, exchange.isHeadOnly, this, this.extra);
    if (upstream === undefined) return false;
    this.waitingAt = undefined;
    this.sentMs = nowMs;
    // It may be over before it has begun: a codec that cannot say it in its protocol.
    if (this.over) return true;
    this.reused = connection.requests > 1;
    this.upstream = upstream;
    exchange.body?.flow(upstream);
    return true;
  }

  /** It came to nothing, and the exchange with it. `detail` says what happened, for the client and the log. */
  fail(failure: ProxyFailure, detail: string | undefined = undefined): void {
    if (this.over) return;
    this.finish(failure.kind);
    this.exchange.fail(failure, detail);
  }

  /** As `fail`, where nothing was done with the request: it may be sent to another endpoint. */
  decline(failure: ProxyFailure, detail: string): void {
    if (this.over) return;
    this.finish(failure.kind);
    this.exchange.decline(failure, detail);
  }

  /** Gives it up: what is under way is reset, what waits is called off. `error` is what it ended by. */
  abandon(code: ErrorCode, reason: string, error: string): void {
    if (this.over) return;
    const { upstream, waitingAt } = this;
    this.upstream = undefined;
    this.waitingAt = undefined;
    waitingAt?.cancel();
    upstream?.reset(code, reason);
    this.finish(error);
  }

  onInformational(head: ResponseHead): void {
    this.exchange.inform(head);
  }

  onResponse(head: ResponseHead, end: boolean): void {
    if (this.over) return;
    this.status = head.status;
    if (end) this.gotFirstByte();
    this.exchange.answer(this, head, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.over) return;
    if (this.firstByteMs < 0) this.gotFirstByte();
    this.exchange.passData(this, chunk, end);
  }

  onTrailers(fields: readonly Field[]): void {
    if (this.over) return;
    if (this.firstByteMs < 0) this.gotFirstByte();
    this.exchange.passTrailers(this, fields);
  }

  onSent(bytes: number): void {
    this.exchange.onAttemptSent(this, bytes);
  }

  onReset(code: ErrorCode, reason: string): void {
    if (this.over) return;
    this.upstream = undefined;
    this.exchange.onAttemptReset(this, code, reason);
  }

  /** It is over; `error` says why if not by its response's end. */
  finish(error: string | undefined): void {
    if (this.over) return;
    this.over = true;
    this.error = error;
    this.endpoint?.onOver(this);
  }

  private gotFirstByte(): void {
    this.firstByteMs = this.exchange.side.clock.nowMs();
    this.endpoint?.onFirstByte(this);
  }
}
