import type { Field } from '../wire/field.ts';
import { SendQueue } from '../wire/send-queue.ts';
import {
  type ClientConnection,
  ErrorCode,
  type RequestHead,
  type ResponseHandler,
  type ResponseHead,
  resetByPeer,
  type ServerStream,
  type Stream,
  type StreamHandler,
} from '../wire/stream.ts';
import { failures, isGrpc, type ProxyFailure, respondFailure } from './proxy-failure.ts';

export type HttpVersion = 'http1' | 'http2';

/** What is told of an exchange as it goes by; each call is on the hot path and must not allocate. */
export interface ExchangeObserver {
  /** The response's head is about to be passed on; `fields` may be changed. */
  onResponse(exchange: Exchange, head: ResponseHead): void;
  /**
   * The exchange is over, exactly once. `trailers` are the response's, if any; `error` names the failure when the
   * response did not end by itself.
   */
  onFinish(exchange: Exchange, trailers: readonly Field[] | undefined, error: string | undefined): void;
}

/** Who gave an exchange its connection, and can give it another. */
export interface Resender {
  resend(exchange: Exchange): void;
}

/** A server that refuses again and again is not worth more. */
const maxResends = 3;

/**
 * One request and its response: joins the stream that it came in by with the stream that carries it on.
 *
 *     downstream --request--> RequestSide --> upstream
 *     downstream <--response-- Exchange   <-- upstream
 *
 * Credit is given back to a side when the bytes it sent have left on the other, so neither runs ahead of the other by
 * more than its window.
 */
export class Exchange implements ResponseHandler {
  readonly downstream: ServerStream;
  /** As it came. */
  head: RequestHead;
  /** Fields of the hop to the endpoint, written behind the head's. */
  extra: readonly Field[] | undefined = undefined;
  readonly requestSide: RequestSide;
  readonly startMs: number;
  /** What the request came by. */
  readonly version: HttpVersion;
  status = 0;
  grpc: boolean;
  /** Whatever the stack wants to find again in the observer: the endpoint, the metrics handle. */
  context: unknown = undefined;
  /** What the stack found the request to be, when it tells routes apart. */
  route: unknown = undefined;
  upstream: Stream | undefined = undefined;
  /** Asked when the server refused the request without having looked at it. */
  resender: Resender | undefined = undefined;
  resends = 0;
  /** A connection has taken the request. */
  sent = false;
  private readonly observer: ExchangeObserver;
  private readonly informational: boolean;
  private responded = false;
  finished = false;

  constructor(
    downstream: ServerStream,
    head: RequestHead,
    end: boolean,
    observer: ExchangeObserver,
    startMs: number,
    version: HttpVersion,
    informational: boolean,
  ) {
    this.downstream = downstream;
    this.head = head;
    this.observer = observer;
    this.startMs = startMs;
    this.version = version;
    this.informational = informational;
    this.grpc = isGrpc(head);
    this.requestSide = new RequestSide(this, end);
  }

  /** Sends the request on over `connection`. Returns false, with nothing sent, if it takes no request now. */
  start(connection: ClientConnection): boolean {
    const upstream = connection.request(this.head, this.requestSide.isEmpty, this, this.extra);
    if (upstream === undefined) return false;
    this.sent = true;
    this.upstream = upstream;
    this.requestSide.release(upstream);
    return true;
  }

  /** Answers with an error of the proxy's own; if a response is under way it is cut off instead. */
  fail(failure: ProxyFailure): void {
    if (this.finished) return;
    if (this.responded) this.downstream.reset(ErrorCode.internalError, failure.message);
    else {
      this.responded = true;
      this.status = this.grpc ? 200 : failure.status;
      respondFailure(this.downstream, this.grpc, failure, this.informational);
    }
    this.finish(undefined, failure.kind);
  }

  onInformational(head: ResponseHead): void {
    this.downstream.sendInformational(head);
  }

  onResponse(head: ResponseHead, end: boolean): void {
    if (this.finished) return;
    this.responded = true;
    this.status = head.status;
    this.observer.onResponse(this, head);
    this.downstream.sendResponse(head, end);
    if (end) this.finish(head.fields, undefined);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.downstream.sendData(chunk, end);
    if (end) this.finish(undefined, undefined);
  }

  onTrailers(fields: readonly Field[]): void {
    this.downstream.sendTrailers(fields);
    this.finish(fields, undefined);
  }

  onSent(bytes: number): void {
    this.downstream.credit(bytes);
  }

  onReset(code: ErrorCode, reason: string): void {
    this.upstream = undefined;
    if (code === ErrorCode.refusedStream && this.resend()) return;
    this.requestSide.dead = true;
    if (this.finished) return;
    // Clients of HTTP/2 know what the code means (REFUSED_STREAM: nothing was done with the request, send it again); to
    // those of HTTP/1, and where a connection was lost, the endpoint gave no answer.
    const told = code === ErrorCode.refusedStream || reason === resetByPeer;
    if (!this.responded && !(told && this.version === 'http2')) {
      this.fail(failures.closed);
      return;
    }
    this.downstream.reset(code, reason);
    this.finish(undefined, reason);
  }

  /** Sends the request again that a server has not looked at (GOAWAY, REFUSED_STREAM), if all of it is its head. */
  private resend(): boolean {
    const { resender } = this;
    if (resender === undefined || this.finished || this.responded || !this.requestSide.headOnly) return false;
    if (this.resends === maxResends) return false;
    this.resends++;
    resender.resend(this);
    return true;
  }

  /** The client went away. */
  cancelled(code: ErrorCode, reason: string): void {
    const upstream = this.upstream;
    this.upstream = undefined;
    upstream?.reset(code === ErrorCode.noError ? ErrorCode.cancel : code, reason);
    this.finish(undefined, 'client cancelled');
  }

  private finish(trailers: readonly Field[] | undefined, error: string | undefined): void {
    if (this.finished) return;
    this.finished = true;
    this.observer.onFinish(this, trailers, error);
  }
}

/**
 * The request's body on its way up. What arrives before the upstream is chosen waits here, bounded by the receive
 * credit that the client has.
 */
export class RequestSide implements StreamHandler {
  private readonly exchange: Exchange;
  private waiting: SendQueue | undefined = undefined;
  private trailers: readonly Field[] | undefined = undefined;
  private ended: boolean;
  /** The request came without a body. */
  readonly headOnly: boolean;
  dead = false;

  constructor(exchange: Exchange, end: boolean) {
    this.exchange = exchange;
    this.ended = end;
    this.headOnly = end;
  }

  /** True when the whole request is its head. */
  get isEmpty(): boolean {
    return this.ended && this.waiting === undefined && this.trailers === undefined;
  }

  release(upstream: Stream): void {
    const { waiting, trailers } = this;
    if (waiting !== undefined) {
      this.waiting = undefined;
      const endsWithData = this.ended && trailers === undefined;
      while (!waiting.empty) {
        const chunk = waiting.peek();
        upstream.sendData(chunk, endsWithData && waiting.atLast);
        waiting.drop(chunk.length);
      }
    }
    if (trailers !== undefined) upstream.sendTrailers(trailers);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    const upstream = this.exchange.upstream;
    if (upstream !== undefined) upstream.sendData(chunk, end);
    else if (this.dead || this.exchange.finished) this.exchange.downstream.credit(chunk.length);
    else {
      if (chunk.length > 0) {
        this.waiting ??= new SendQueue();
        this.waiting.push(chunk);
      }
      this.ended = end;
    }
  }

  onTrailers(fields: readonly Field[]): void {
    const upstream = this.exchange.upstream;
    if (upstream !== undefined) upstream.sendTrailers(fields);
    else {
      this.trailers = fields;
      this.ended = true;
    }
  }

  onSent(bytes: number): void {
    this.exchange.upstream?.credit(bytes);
  }

  onReset(code: ErrorCode, reason: string): void {
    this.exchange.cancelled(code, reason);
  }
}
