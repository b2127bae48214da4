import type { Answer, Filters } from '../filter/filter.ts';
import type { Deadline } from '../timer-wheel.ts';
import type { Field } from '../wire/field.ts';
import type {
  ClientConnection,
  ErrorCode,
  RequestHead,
  ResponseHandler,
  ResponseHead,
  Stream,
} from '../wire/stream.ts';
import { endDeadlines } from './attempt-deadlines.ts';
import type { Alternatives, AttemptKey, Copier, WaitingPlace } from './attempt-routing.ts';
import type { TryCounts } from './counts.ts';
import { DiscardedResponse, endUnread } from './discarded-response.ts';
import type { Exchange } from './exchange.ts';
import { onAttemptFailed, onAttemptReset } from './failed-attempt.ts';
import type { AttemptObserver, AttemptTrace } from './observers.ts';
import { decline, respond } from './own-answer.ts';
import { passData, passHead, passInformational, passTrailers } from './pass-response.ts';
import type { Sender } from './plan.ts';
import type { ProxyFailure } from './proxy-failure.ts';

/** One try of an exchange's request at one endpoint. */
export class Attempt implements ResponseHandler {
  readonly exchange: Exchange;
  /** Who was asked to send it; asked again for the next try. */
  readonly sender: Sender;
  /** The endpoint that had it before, or the try before it, which another is preferred to. */
  avoid: AttemptObserver | undefined;
  /** Which endpoint it is to have, where that is not its load's to say; undefined where it is. */
  key: AttemptKey | undefined = undefined;
  /** It is where it is to show whether an endpoint on probation has recovered: any one, whatever its key. */
  isProbe = false;
  /** It was made beside another, which may still be answered. */
  isHedge = false;
  /** How often an endpoint that was to have it had no connection for it. */
  misses = 0;
  /** Who has it, and is told of it. */
  endpoint: AttemptObserver | undefined = undefined;
  /** Where it is counted, for the place that the rule sends it to; undefined when nowhere. */
  counts: TryCounts | undefined = undefined;
  /** When it was over, where it is counted or recorded in a trace; -1 before. */
  overMs = -1;
  /** Where it may go while it was not sent; undefined when there is nowhere else. */
  alternatives: Alternatives | undefined = undefined;
  /** Fields for this hop, written behind those of the head. */
  extra: readonly Field[] | undefined = undefined;
  /** Undefined where no trace tells of it. */
  trace: AttemptTrace | undefined = undefined;
  /** Who copies it once it is sent, unless another try was, by the backend that it is for; undefined when nobody does. */
  copiers: readonly Copier[] | undefined = undefined;
  /** What the filters of its backend are, which its response goes through; undefined without. */
  filters: Filters | undefined = undefined;
  /** What those made of the exchange's; undefined where they changed nothing. */
  filteredHead: RequestHead | undefined = undefined;
  /** Undefined while it is that of all endpoints. */
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
  /** The fields of the response's head, and those behind its body; undefined until they have come. */
  fields: readonly Field[] | undefined = undefined;
  trailers: readonly Field[] | undefined = undefined;
  /** -1 until it is known. */
  grpcStatus = -1;
  /** What ended it, if its response did not end by itself. */
  error: string | undefined = undefined;
  over = false;
  /** A head that the client is told when more has come; undefined when there is none. */
  private withheld: ResponseHead | undefined = undefined;
  /** What is left of a response that is not passed on; undefined when nothing is. */
  private discarding: DiscardedResponse | undefined = undefined;
  /** @internal until its head, and until its end: see attempt-deadlines.ts */
  headTimeout: Deadline | undefined = undefined;
  timeout: Deadline | undefined = undefined;

  constructor(exchange: Exchange, sender: Sender, avoid: AttemptObserver | undefined) {
    this.exchange = exchange;
    this.sender = sender;
    this.avoid = avoid;
  }

  /** What goes to this endpoint: the exchange's own, but for what only this endpoint wants otherwise. */
  get head(): RequestHead {
    return this.ownHead ?? this.sharedHead;
  }

  /** What goes to its backend, whichever endpoint has it. */
  get sharedHead(): RequestHead {
    return this.filteredHead ?? this.exchange.outgoing;
  }

  /**
   * Sends the request over `connection`. Returns false, with nothing sent, if it takes no request now. `nowMs` is the
   * time.
   */
  start(connection: ClientConnection, nowMs: number): boolean {
    const { exchange, trace } = this;
    let { extra } = this;
    if (trace !== undefined) extra = extra === undefined ? trace.fields : [...extra, ...trace.fields];
    const upstream = connection.request(this.head, exchange.isHeadOnly, this, extra);
    if (upstream === undefined) return false;
    this.waitingAt = undefined;
    this.sentMs = nowMs;
    const { observers } = exchange;
    for (let i = 0; i < observers.length; i++) observers[i].onSent?.(this);
    // It may be over before it has begun: a codec that cannot say it in its protocol.
    if (this.over) return true;
    this.reused = connection.requests > 1;
    this.upstream = upstream;
    const { copiers } = this;
    if (copiers !== undefined && !exchange.wasSent) for (let i = 0; i < copiers.length; i++) copiers[i].copy(this);
    exchange.wasSent = true;
    exchange.body?.flow(upstream);
    return true;
  }

  /**
   * It came to nothing where it was to go, and where there is nowhere else, the exchange with it. `detail` says what
   * happened, for the client and the log.
   */
  fail(failure: ProxyFailure, detail: string | undefined = undefined): void {
    if (this.over || this.goElsewhere(failure)) return;
    this.finish(failure.kind);
    onAttemptFailed(this, failure, detail);
  }

  /** Has what was not sent, since `failure`, go another way, as if it had not been where it was; false when there is none. */
  goElsewhere(failure: ProxyFailure): boolean {
    const { alternatives } = this;
    if (alternatives === undefined || this.sentMs >= 0) return false;
    return alternatives.sendElsewhere(this, failure);
  }

  /** Its response is not for the client: what is left of it is thrown away. */
  discard(end: boolean): void {
    const { upstream } = this;
    this.upstream = undefined;
    this.withheld = undefined;
    this.finish(undefined);
    if (upstream === undefined) return;
    if (end || !(this.exchange.body?.complete ?? true)) endUnread(upstream);
    else this.discarding = new DiscardedResponse(upstream);
  }

  /** Nothing more of what is thrown away is waited for. */
  endDiscard(): void {
    this.discarding?.stop();
  }

  /** A filter of its backend answers in place of that. */
  answer(answer: Answer): void {
    if (this.over) return;
    const { grpc } = this.exchange;
    this.status = grpc ? 200 : answer.status;
    if (grpc) this.grpcStatus = answer.grpcStatus;
    this.finish(undefined);
    if (this.exchange.tries?.onFiltered(this, answer) === 'again') return;
    respond(this.exchange, answer);
  }

  /** As `fail`, where nothing was done with the request: it may be sent to another endpoint. */
  decline(failure: ProxyFailure, detail: string): void {
    if (this.over) return;
    this.finish(failure.kind);
    decline(this.exchange, failure, detail);
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
    passInformational(this.exchange, head);
  }

  onResponse(head: ResponseHead, end: boolean): void {
    if (this.over) return;
    this.status = head.status;
    this.fields = head.fields;
    if (end) this.gotFirstByte();
    const { tries } = this.exchange;
    if (tries !== undefined) {
      const verdict = tries.onResponse(this, head, end);
      if (verdict === 'again') return;
      if (verdict === 'withhold') {
        this.withheld = head;
        return;
      }
    }
    passHead(this.exchange, this, head, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.over) {
      this.discarding?.onData(chunk.length, end);
      return;
    }
    if (this.firstByteMs < 0) this.gotFirstByte();
    if (this.counts !== undefined) this.counts.received(chunk.length);
    this.tellWithheld();
    passData(this.exchange, this, chunk, end);
  }

  onTrailers(fields: readonly Field[]): void {
    if (this.over) {
      this.discarding?.ended();
      return;
    }
    this.trailers = fields;
    if (this.firstByteMs < 0) this.gotFirstByte();
    if (this.withheld !== undefined && this.exchange.tries?.onTrailers(this, fields) === 'again') return;
    this.tellWithheld();
    passTrailers(this.exchange, this, fields);
  }

  onSent(bytes: number): void {
    this.exchange.onAttemptSent(this, bytes);
  }

  onReset(code: ErrorCode, reason: string): void {
    this.discarding?.ended();
    if (this.over) return;
    this.upstream = undefined;
    onAttemptReset(this, code, reason);
  }

  /** It is over; `error` says why if not by its response's end. */
  finish(error: string | undefined): void {
    if (this.over) return;
    this.over = true;
    this.error = error;
    endDeadlines(this);
    this.endpoint?.onOver(this);
    const { counts, trace } = this;
    if (counts === undefined && trace?.isTimed !== true) return;
    this.overMs = this.exchange.side.clock.nowMs();
    counts?.over(this);
  }

  private tellWithheld(): void {
    const { withheld } = this;
    if (withheld === undefined) return;
    this.withheld = undefined;
    passHead(this.exchange, this, withheld, false);
  }

  private gotFirstByte(): void {
    this.firstByteMs = this.exchange.side.clock.nowMs();
    this.endpoint?.onFirstByte(this);
  }
}
