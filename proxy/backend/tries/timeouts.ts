import type { Exchange } from '../../exchange/exchange.ts';
import { fail } from '../../exchange/own-answer.ts';
import { failures, type ProxyFailure } from '../../exchange/proxy-failure.ts';
import type { RuleTimeouts } from '../../model/tries.ts';
import { Deadline } from '../../timer-wheel.ts';

/** The deadlines of one exchange, whatever its tries: what is not set has none. */
export class Timeouts {
  private readonly exchange: Exchange;
  private readonly responseMs: number | undefined;
  private readonly request: ExchangeDeadline | undefined = undefined;
  private response: ExchangeDeadline | undefined = undefined;
  private readonly idle: IdleDeadline | undefined = undefined;

  constructor(exchange: Exchange, { requestMs, responseMs, idleMs }: RuleTimeouts) {
    const { deadlines } = exchange.side;
    this.exchange = exchange;
    this.responseMs = responseMs;
    if (requestMs !== undefined) {
      this.request = new ExchangeDeadline(exchange, failures.requestTimeout);
      deadlines.arm(this.request, requestMs);
    }
    if (idleMs !== undefined) {
      this.idle = new IdleDeadline(exchange, idleMs);
      deadlines.arm(this.idle, idleMs);
    }
  }

  /** All of the request has come: its response has begun to be waited for. */
  onRequestEnd(): void {
    if (this.responseMs === undefined || this.response !== undefined) return;
    this.response = new ExchangeDeadline(this.exchange, failures.responseTimeout);
    this.exchange.side.deadlines.arm(this.response, this.responseMs);
  }

  over(): void {
    const { deadlines } = this.exchange.side;
    for (const deadline of [this.request, this.response, this.idle])
      if (deadline !== undefined) deadlines.disarm(deadline);
  }
}

class ExchangeDeadline extends Deadline {
  private readonly exchange: Exchange;
  private readonly failure: ProxyFailure;

  constructor(exchange: Exchange, failure: ProxyFailure) {
    super();
    this.exchange = exchange;
    this.failure = failure;
  }

  override onDeadline(): void {
    fail(this.exchange, this.failure);
  }
}

/** Looks, when its time has come, whether anything went by meanwhile: chunks need not tell it. */
class IdleDeadline extends Deadline {
  private readonly exchange: Exchange;
  private readonly idleMs: number;
  private progress: number;

  constructor(exchange: Exchange, idleMs: number) {
    super();
    this.exchange = exchange;
    this.idleMs = idleMs;
    this.progress = exchange.progress;
  }

  override onDeadline(): void {
    const { exchange } = this;
    if (exchange.progress === this.progress) {
      fail(exchange, failures.idleTimeout);
      return;
    }
    this.progress = exchange.progress;
    exchange.side.deadlines.arm(this, this.idleMs);
  }
}
