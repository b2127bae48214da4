import type { Attempt } from '../../exchange/attempt.ts';
import type { Exchange } from '../../exchange/exchange.ts';
import { isIdempotent, overtaken } from '../../exchange/repeats.ts';
import type { Answer } from '../../filter/filter.ts';
import type { HedgeRule } from '../../model/tries.ts';
import type { RetryBudget } from '../../resilience/retry-budget.ts';
import { classify, grpcStatus } from '../../telemetry/classify.ts';
import { Deadline } from '../../timer-wheel.ts';
import { type Field, fieldValue } from '../../wire/field.ts';
import { ErrorCode, type RequestHead, type ResponseHead } from '../../wire/stream.ts';
import { isLimited } from '../asked-wait.ts';

/** Counts what hedges of a rule come to (`outbound_http_route_hedge_*_total`). */
export interface HedgeCounts {
  /** One more try is made, while another is under way. */
  request(): void;
  /** It was the one that the client was answered by. */
  win(): void;
  /** It would have been made, but too many are. */
  overflow(): void;
}

/** How the requests of a rule are hedged. */
export interface Hedging {
  readonly rule: HedgeRule;
  /** Of all requests of the rule together. */
  readonly budget: RetryBudget;
  readonly counts: HedgeCounts;
  /** Whether the rule tries such an answer again: it is none as long as another may come. */
  isRetryable(status: number, grpc: number): boolean;
}

/** So many tries are under way at a time. */
const mostUnderWay = 2;

const another = 'another try was answered first';

/**
 * Whether doing a request twice does no more than doing it once: by its method (RFC 9110 section 9.2.2), or since it says
 * so (draft-ietf-httpapi-idempotency-key-header). What is switched to another protocol is more than a request.
 */
export function mayBeHedged({ method, upgrade, fields }: RequestHead): boolean {
  if (upgrade !== undefined) return false;
  return isIdempotent(method) || (method !== 'CONNECT' && !!fieldValue(fields, 'idempotency-key'));
}

/**
 * The hedges of one exchange: where no head of a response has come in a while, the request goes to another endpoint, too.
 *
 *     one under way --no head in time, the budget lets it--> two under way
 *     two under way --one of them fails--> one under way
 *     two under way --one of them is answered--> the other is cancelled
 *
 * It begins when all of the request is here: what is sent twice is small, is the same, and waits for no client.
 */
export class Hedges extends Deadline {
  private readonly exchange: Exchange;
  private readonly hedging: Hedging;
  private underWay: readonly Attempt[] = [];
  /** How many tries were made beside others. */
  private made = 0;
  private isHedging = false;
  /** Tries that failed beside others, and whose responses are still being thrown away. */
  private readonly discarded: Attempt[] = [];

  constructor(exchange: Exchange, hedging: Hedging) {
    super();
    this.exchange = exchange;
    this.hedging = hedging;
    hedging.budget.deposit(exchange.startMs);
  }

  onTry(attempt: Attempt): void {
    if (this.isHedging) {
      attempt.isHedge = true;
      this.made++;
    }
    this.underWay = [...this.others(attempt), attempt];
    this.armIfUseful();
  }

  onRequestEnd(): void {
    this.armIfUseful();
  }

  /**
   * Judges a response beside another try: what fails is no answer as long as another may come, and a gRPC status may come
   * behind the head. Undefined where there is no other.
   */
  onResponse(attempt: Attempt, head: ResponseHead, end: boolean): 'pass' | 'withhold' | 'again' | undefined {
    this.disarm();
    if (this.others(attempt).length === 0) return undefined;
    if (!this.exchange.grpc) return this.judge(attempt, head.status, -1, end);
    const status = grpcStatus(head.fields);
    if (status < 0 && head.status === 200) return end ? 'pass' : 'withhold';
    attempt.grpcStatus = status;
    return this.judge(attempt, head.status, status, end);
  }

  onTrailers(attempt: Attempt, trailers: readonly Field[]): 'pass' | 'again' {
    if (this.others(attempt).length === 0) return 'pass';
    const status = grpcStatus(trailers);
    attempt.grpcStatus = status;
    return this.judge(attempt, attempt.status, status, true);
  }

  /** A try came to nothing. Whether another is under way, which the answer may come of. */
  onFailure(attempt: Attempt): boolean {
    this.underWay = this.others(attempt);
    this.disarm();
    if (this.underWay.length === 0) return false;
    this.armIfUseful();
    return true;
  }

  /**
   * A filter has answered a try. Whether another is under way, which the answer may come of: a fault fails what goes to its
   * backend, and not what is at another.
   */
  onFiltered(attempt: Attempt, { failure }: Answer): boolean {
    return failure !== undefined && this.onFailure(attempt);
  }

  /** The client is about to be told of the response of `attempt`: that of no other counts any more. */
  onAnswer(attempt: Attempt): void {
    this.disarm();
    if (attempt.isHedge) this.hedging.counts.win();
    for (const other of this.others(attempt)) other.abandon(ErrorCode.cancel, another, overtaken);
    this.underWay = [];
  }

  over(): void {
    this.disarm();
    const { attempt, error = 'over' } = this.exchange;
    for (const each of this.underWay) if (each !== attempt) each.abandon(ErrorCode.cancel, error, error);
    this.underWay = [];
    for (const each of this.discarded) each.endDiscard();
  }

  /** Nothing of a response has come in time. */
  override onDeadline(): void {
    const { exchange, underWay, hedging } = this;
    if (underWay.length !== 1 || !exchange.canRepeat) return;
    const [{ endpoint, sender, status, over }] = underWay;
    if (over || status > 0) return;
    // It waits for an endpoint as such, or for the only one that there is: so would another.
    if (endpoint?.hasOthers !== true) {
      this.armIfUseful();
      return;
    }
    if (!hedging.budget.withdraw(exchange.side.clock.nowMs())) {
      hedging.counts.overflow();
      return;
    }
    hedging.counts.request();
    this.isHedging = true;
    exchange.again(sender, endpoint);
    this.isHedging = false;
  }

  private judge(attempt: Attempt, status: number, grpc: number, end: boolean): 'pass' | 'again' {
    const isFailure =
      isLimited(status, grpc) ||
      this.hedging.isRetryable(status, grpc) ||
      classify(status, grpc, undefined) === 'failure';
    if (!isFailure) return 'pass';
    attempt.discard(end);
    if (!end) this.discarded.push(attempt);
    this.onFailure(attempt);
    return 'again';
  }

  private others(attempt: Attempt): Attempt[] {
    return this.underWay.filter((each) => each !== attempt && !each.over);
  }

  private armIfUseful(): void {
    const { exchange, hedging, underWay } = this;
    if (underWay.length === 0 || underWay.length >= mostUnderWay || this.made >= hedging.rule.limit) return;
    if (exchange.body?.complete === false || !exchange.canRepeat) return;
    exchange.side.deadlines.disarm(this);
    exchange.side.deadlines.arm(this, hedging.rule.afterMs);
  }

  private disarm(): void {
    this.exchange.side.deadlines.disarm(this);
  }
}
