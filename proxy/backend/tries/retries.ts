import type { Attempt } from '../../exchange/attempt.ts';
import { answeredInTime, answerWithin } from '../../exchange/attempt-deadlines.ts';
import type { Exchange } from '../../exchange/exchange.ts';
import { failures, type ProxyFailure } from '../../exchange/proxy-failure.ts';
import type { RetryRule } from '../../model/tries.ts';
import { BackOff } from '../../resilience/back-off.ts';
import type { RetryBudget } from '../../resilience/retry-budget.ts';
import { grpcStatus } from '../../telemetry/classify.ts';
import { Deadline } from '../../timer-wheel.ts';
import type { Field } from '../../wire/field.ts';
import type { ResponseHead } from '../../wire/stream.ts';

/** Counts what retries of a rule come to (`outbound_*_route_retry_*_total`). */
export interface RetryCounts {
  /** One more try is made. */
  request(): void;
  /** A request that was tried again was answered with what is not to be tried again. */
  success(): void;
  /** It would have been tried again, but was as often as may be. */
  limitExceeded(): void;
  /** It would have been tried again, but too much is. */
  overflow(): void;
}

/** How the requests of a rule are tried again. */
export interface Retrying {
  readonly rule: RetryRule;
  /** Of a service profile; undefined: only the limit of each request bounds them. */
  readonly budget: RetryBudget | undefined;
  /** Whether a response of such a status is to be tried again; `grpc` is -1 when it has no gRPC status. */
  isRetryable(status: number, grpc: number): boolean;
  readonly counts: RetryCounts;
}

/** Whether a rule of the policy API names a status. */
export function namedBy({ statuses, grpcStatuses }: RetryRule): Retrying['isRetryable'] {
  return (status, grpc) =>
    grpc >= 0 ? grpcStatuses.has(grpc) : statuses.some(([from, to]) => status >= from && status <= to);
}

/**
 * Failures of the proxy's own after which nothing was done with the request, or nobody answered in time: they are worth a
 * try at another endpoint whatever a rule names. What is shed because too much waits is not: it would be more.
 */
const alwaysRetried: ReadonlySet<ProxyFailure> = new Set([
  failures.connect,
  failures.connectTimeout,
  failures.failfast,
  failures.refused,
  failures.tryTimeout,
]);
const neverRetried: ReadonlySet<ProxyFailure> = new Set([failures.loadShed, failures.loop, failures.noRoute]);

/** The further tries of one exchange: a request that is tried again is the same to the application. */
export class Retries extends Deadline {
  private readonly exchange: Exchange;
  private readonly retrying: Retrying;
  private readonly backOff: BackOff;
  private retries = 0;
  /** A response is passed on whose gRPC status comes behind its messages. */
  private unjudged = false;
  /** The try that another follows when the time to back off is over. */
  private last: Attempt | undefined = undefined;
  /** Tries whose responses are still being thrown away. */
  private readonly discarded: Attempt[] = [];

  constructor(exchange: Exchange, retrying: Retrying) {
    super();
    this.exchange = exchange;
    this.retrying = retrying;
    const { minMs, maxMs, jitter } = retrying.rule.backOff;
    this.backOff = new BackOff(minMs, maxMs, jitter, exchange.side.clock.random);
    retrying.budget?.deposit(exchange.startMs);
  }

  onTry(attempt: Attempt): void {
    const { tryTimeoutMs } = this.retrying.rule;
    if (tryTimeoutMs !== undefined) answerWithin(attempt, tryTimeoutMs, failures.tryTimeout);
  }

  onResponse(attempt: Attempt, head: ResponseHead, end: boolean): 'pass' | 'withhold' | 'again' {
    answeredInTime(attempt);
    const { grpc } = this.exchange;
    if (!grpc) return this.judge(attempt, this.retrying.isRetryable(head.status, -1), end);
    const status = grpcStatus(head.fields);
    // Most servers that fail a call say so in trailers alone, behind a head that looks well.
    this.unjudged = status < 0;
    if (status < 0) return end || !this.exchange.canRepeat ? 'pass' : 'withhold';
    attempt.grpcStatus = status;
    return this.judge(attempt, this.retrying.isRetryable(head.status, status), end);
  }

  onTrailers(attempt: Attempt, trailers: readonly Field[]): 'pass' | 'again' {
    const status = grpcStatus(trailers);
    attempt.grpcStatus = status;
    return this.judge(attempt, status >= 0 && this.retrying.isRetryable(200, status), true);
  }

  onFailure(attempt: Attempt, failure: ProxyFailure): 'pass' | 'again' {
    const { isRetryable } = this.retrying;
    const isWorthIt =
      alwaysRetried.has(failure) ||
      (!neverRetried.has(failure) && isRetryable(failure.status, this.exchange.grpc ? failure.grpcStatus : -1));
    if (!isWorthIt || !this.mayRetry()) return 'pass';
    this.retryAfter(attempt);
    return 'again';
  }

  over(): void {
    this.exchange.side.deadlines.disarm(this);
    this.last = undefined;
    if (this.unjudged && this.retries > 0) {
      const status = this.exchange.attempt?.grpcStatus ?? -1;
      if (status >= 0 && !this.retrying.isRetryable(200, status)) this.retrying.counts.success();
    }
    for (const attempt of this.discarded) attempt.endDiscard();
  }

  /** The time to back off is over. */
  override onDeadline(): void {
    const { last } = this;
    this.last = undefined;
    if (last !== undefined) this.exchange.again(last.sender, last.endpoint);
  }

  private judge(attempt: Attempt, isWorthIt: boolean, end: boolean): 'pass' | 'again' {
    this.unjudged = false;
    if (!isWorthIt) {
      if (this.retries > 0) this.retrying.counts.success();
      return 'pass';
    }
    if (!this.mayRetry()) return 'pass';
    attempt.discard(end);
    if (!end) this.discarded.push(attempt);
    this.retryAfter(attempt);
    return 'again';
  }

  private mayRetry(): boolean {
    const { exchange, retrying } = this;
    const { rule, budget, counts } = retrying;
    const { body } = exchange;
    if (!exchange.canRepeat || (body !== undefined && body.keptBytes > rule.maxRequestBytes)) return false;
    if (this.retries >= rule.maxRetries) {
      counts.limitExceeded();
      return false;
    }
    if (budget?.withdraw(exchange.side.clock.nowMs()) === false) {
      counts.overflow();
      return false;
    }
    return true;
  }

  private retryAfter(attempt: Attempt): void {
    this.retries++;
    this.retrying.counts.request();
    this.last = attempt;
    this.exchange.side.deadlines.arm(this, this.backOff.delayMs());
  }
}
