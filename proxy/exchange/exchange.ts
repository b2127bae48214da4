import { Answer, type Filters } from '../filter/filter.ts';
import { clientCancelled } from '../telemetry/classify.ts';
import { type Field, FieldMark } from '../wire/field.ts';
import { trailersWithoutMesh, withoutMeshFields } from '../wire/heads.ts';
import type { PeerBudget } from '../wire/peer-budget.ts';
import {
  ErrorCode,
  type HttpVersion,
  type RequestHead,
  type ServerStream,
  type StreamHandler,
} from '../wire/stream.ts';
import { isGrpc } from './answer.ts';
import { Attempt } from './attempt.ts';
import type { WaitingPlace } from './attempt-routing.ts';
import type { ExchangeSide } from './exchange-side.ts';
import { continueAfterMs, Expectation } from './expectation.ts';
import { FilterDelay } from './filter-delay.ts';
import type { AttemptObserver, ExchangeObserver, ExchangeTrace } from './observers.ts';
import type { Origin } from './origin.ts';
import { respond } from './own-answer.ts';
import { endTunnelIfOver } from './pass-response.ts';
import type { RoutePlan, Sender, Tries } from './plan.ts';
import type { ProxyFailure } from './proxy-failure.ts';
import { type BodyListener, RequestBody } from './request-body.ts';

const nothing = new Uint8Array(0);

/**
 * What a client asked, once, and what it was answered. Each try at it is an Attempt.
 *
 *     downstream --request--> Exchange --> Attempt --> upstream
 *     downstream <--response- Exchange <-- Attempt <-- upstream
 *
 * Credit is given back to a side when the bytes it sent have left on the other, so neither runs ahead of the other by
 * more than its window. Whoever ends it, all is given back: one `finish` resets an upstream half that is still open,
 * tells an HTTP/2 client that the rest of its request is not wanted, and calls off what waits.
 */
export class Exchange implements StreamHandler {
  readonly downstream: ServerStream;
  readonly side: ExchangeSide;
  /** As it came. */
  readonly head: RequestHead;
  /** As it goes on: without what other proxies said in it. */
  outgoing: RequestHead;
  /** The connection that it came by. */
  readonly origin: Origin;
  /** What the client's application spoke: HTTP/1 may have been carried over HTTP/2. */
  readonly applicationVersion: HttpVersion;
  readonly grpc: boolean;
  /** Undefined when the request is all head. */
  readonly body: RequestBody | undefined;
  /** Undefined until it is known what is to become of it. */
  plan: RoutePlan | undefined = undefined;
  /** Those of its route, once that is found: they say who may read what it is answered, also where it never begins. */
  filters: Filters | undefined = undefined;
  /** The last try; once the client is answered, the one that answers. */
  attempt: Attempt | undefined = undefined;
  /** Undefined where there are no deadlines and one try is all there is. */
  tries: Tries | undefined = undefined;
  /** Undefined where no trace tells of it. */
  trace: ExchangeTrace | undefined = undefined;
  /** Tries so far. */
  attempts = 0;
  /** A connection has taken one of them. */
  wasSent = false;
  /** Grows with all that is passed on, in either direction. */
  progress = 0;
  readonly startMs: number;
  /** When all of the request had come, where its route counts; -1 before. */
  requestEndMs = -1;
  /** A fault has had it wait, or one of its tries. */
  isDelayed = false;
  /** Whether it came to its endpoint late, by faults or by backends that it was not sent to: none of that is the endpoint's time. */
  isLate = false;
  /** Of the bodies that have come so far, the response's as it is passed on. */
  requestBytes = 0;
  responseBytes = 0;
  /** Of its client, which it counts for. */
  budget: PeerBudget | undefined = undefined;
  status = 0;
  /** -1 until it is known. */
  grpcStatus = -1;
  /** What ended it, if its response did not end by itself: the value of the `error` label. */
  error: string | undefined = undefined;
  /** What the proxy failed it for itself, and why in words; undefined when it did not. */
  failure: ProxyFailure | undefined = undefined;
  detail: string | undefined = undefined;
  finished = false;
  /** An endpoint's response has begun to be passed on. */
  answered = false;
  /** The client has been told of a response, an endpoint's or the proxy's own. */
  responded = false;
  /** After a 101, or a 2xx to CONNECT: both directions are bytes, and each ends for itself. */
  tunnel = false;
  /** @internal all of an endpoint's response was passed on */
  responseEnded = false;
  private creditedBytes = 0;
  /** A new connection closed, with nothing answered, as the request came. */
  lostNew = false;
  /** The client waits to be told that it may send its body; undefined when it does not. */
  private expectation: Expectation | undefined = undefined;
  /** What has it wait before it is sent, a filter or an authorizer: called off when it is over. Undefined when nothing does. */
  waitsFor: WaitingPlace | undefined = undefined;
  readonly observers: readonly ExchangeObserver[];
  /** @internal who is told of the response's body beside the client. Undefined, the usual case, without any. */
  responseListeners: Pick<BodyListener, 'onBody'>[] | undefined = undefined;

  constructor(
    side: ExchangeSide,
    downstream: ServerStream,
    head: RequestHead,
    end: boolean,
    origin: Origin,
    applicationVersion: HttpVersion,
  ) {
    this.side = side;
    this.downstream = downstream;
    this.head = head;
    this.outgoing = withoutMeshFields(head);
    this.origin = origin;
    this.applicationVersion = applicationVersion;
    this.grpc = isGrpc(head);
    this.body = end ? undefined : new RequestBody(side.keptBytes);
    this.observers = side.observers;
    this.startMs = side.clock.nowMs();
    if (end) this.requestEndMs = this.startMs;
  }

  /** The request came without a body: all of it is its head. */
  get isHeadOnly(): boolean {
    return this.body === undefined;
  }

  /** Sends it by `plan`. */
  begin(plan: RoutePlan): void {
    if (this.finished) return;
    this.plan = plan;
    this.filters = plan.filters;
    plan.counts?.begun();
    if (this.requestBytes > 0) plan.counts?.sent(this, this.requestBytes);
    plan.open?.add(this);
    const { observers } = this;
    for (let i = 0; i < observers.length; i++) observers[i].onRequest?.(this);
    if (plan.tries !== undefined) {
      this.tries = plan.tries(this);
      if (this.body?.complete ?? true) this.tries?.onRequestEnd();
    }
    if (this.body !== undefined && (this.head.marks & FieldMark.expect) !== 0) {
      this.expectation = new Expectation(this.downstream);
      this.side.deadlines.arm(this.expectation, continueAfterMs);
    }
    if (plan.filters === undefined) this.try(plan.sender, undefined);
    else {
      const delayMs = plan.filters.delayMs(this.side.clock.random);
      if (delayMs === 0) this.goOn();
      else {
        this.delayed();
        const delay = new FilterDelay(this, this.side.deadlines);
        this.waitsFor = delay;
        this.side.deadlines.arm(delay, delayMs);
      }
    }
  }

  /** A fault has it wait. */
  delayed(): void {
    this.isDelayed = true;
    this.isLate = true;
  }

  /** @internal begun, and delayed for as long as filters say */
  goOn(): void {
    if (this.plan === undefined || this.finished) return;
    const { sender, filters } = this.plan;
    const filtered = filters?.applyToRequest(this.outgoing, this.side.clock.random) ?? this.outgoing;
    if (filtered instanceof Answer) respond(this, filtered);
    else {
      this.outgoing = filtered;
      this.try(sender, undefined);
    }
  }

  /** Sends it once more, `avoid`ing the endpoint that had it. */
  again(sender: Sender, avoid: AttemptObserver | undefined): void {
    if (!this.finished) this.try(sender, avoid);
  }

  /** Nothing of a response was passed on, and all of the request is here: it can be sent once more. */
  get canRepeat(): boolean {
    return !this.responded && (this.body === undefined || this.body.replayable);
  }

  // The client's side.

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.finished) this.downstream.credit(chunk.length);
    else {
      this.progress++;
      this.plan?.counts?.sent(this, chunk.length);
      this.requestBytes += chunk.length;
      this.body?.onData(chunk, end, this.attempt?.upstream);
    }
    if (end) this.requestEnded();
  }

  onTrailers(fields: readonly Field[]): void {
    if (!this.finished) {
      const own = trailersWithoutMesh(fields);
      if (own.length > 0) this.body?.onTrailers(own, this.attempt?.upstream);
      else this.body?.onData(nothing, true, this.attempt?.upstream);
    }
    this.requestEnded();
  }

  onSent(bytes: number): void {
    this.attempt?.upstream?.credit(bytes);
  }

  /** The client went away, or gave the request up. */
  onReset(code: ErrorCode, reason: string): void {
    if (this.finished) return;
    this.attempt?.abandon(code === ErrorCode.noError ? ErrorCode.cancel : code, reason, clientCancelled);
    this.finish(clientCancelled);
  }

  // The side of its tries.

  /** When what came first behind the response's head came; -1 before, and without a response. */
  get firstByteMs(): number {
    return this.attempt?.firstByteMs ?? -1;
  }

  /** Tells `listener` of the response's body as it is passed on. Its end, where trailers follow, is that of the exchange. */
  teeResponse(listener: Pick<BodyListener, 'onBody'>): void {
    this.responseListeners ??= [];
    this.responseListeners.push(listener);
  }

  /** Bytes of the body have left for an endpoint: the client may send as many more, but those of a second try once. */
  onAttemptSent(attempt: Attempt, bytes: number): void {
    attempt.sentBytes += bytes;
    const more = attempt.sentBytes - this.creditedBytes;
    if (more <= 0) return;
    this.creditedBytes = attempt.sentBytes;
    this.downstream.credit(more);
  }

  private try(sender: Sender, avoid: AttemptObserver | undefined): void {
    const attempt = new Attempt(this, sender, avoid);
    this.attempt = attempt;
    this.attempts++;
    if (this.trace !== undefined) attempt.trace = this.trace.begin(attempt);
    this.tries?.onTry(attempt);
    sender.send(attempt);
  }

  /** @internal no deadline holds for it any more, and no further try follows */
  endTries(): void {
    this.tries?.over();
    this.tries = undefined;
  }

  private requestEnded(): void {
    // It may count where nobody knows yet: an authorizer is asked, or a target looked for.
    if (this.plan === undefined || this.plan.counts !== undefined) this.requestEndMs = this.side.clock.nowMs();
    if (this.tunnel) endTunnelIfOver(this);
    else if (!this.finished) this.tries?.onRequestEnd();
  }

  /** @internal the client need not be told to go on any more */
  expectationMet(): void {
    if (this.expectation !== undefined) this.side.deadlines.disarm(this.expectation);
  }

  /** @internal it is over: see `error`. Gives back all that it has, and nothing more is told of it. */
  finish(error: string | undefined): void {
    if (this.finished) return;
    this.expectationMet();
    this.finished = true;
    this.waitsFor?.cancel();
    this.error = error;
    this.plan?.open?.delete(this);
    this.endTries();
    const { attempt, body, observers } = this;
    if (attempt !== undefined) {
      if (!attempt.over) attempt.abandon(ErrorCode.cancel, error ?? 'over', error ?? 'over');
      const { upstream } = attempt;
      attempt.upstream = undefined;
      // Without effect where both halves have ended, as those of a tunnel have when it ends by itself.
      if (body !== undefined && (!this.tunnel || error !== undefined))
        upstream?.reset(ErrorCode.noError, 'answered before its end');
    }
    if (body !== undefined) {
      body.over();
      if (!body.complete && this.responded) this.downstream.reset(ErrorCode.noError, 'answered before its end');
    }
    for (let i = 0; i < observers.length; i++) observers[i].onFinish(this);
  }
}
