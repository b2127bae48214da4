import type { Attempt } from '../exchange/attempt.ts';
import type { Failing } from './failing.ts';
import { Queued } from './queue.ts';

/** Who has the queue. */
interface Dispatcher {
  readonly failing: Failing;
  /** There is an endpoint, or may be. */
  dispatchAgain(attempt: Attempt): void;
  /** Something waited for its whole time. */
  enterFailfast(): void;
}

/** A try in the queue. */
export class QueuedAttempt extends Queued {
  private readonly balancer: Dispatcher;
  private readonly attempt: Attempt;

  constructor(balancer: Dispatcher, attempt: Attempt) {
    super();
    this.balancer = balancer;
    this.attempt = attempt;
    attempt.waitingAt = this;
  }

  override go(): void {
    this.attempt.waitingAt = undefined;
    this.balancer.dispatchAgain(this.attempt);
  }

  override expire(): void {
    this.balancer.enterFailfast();
    this.fail(this.balancer.failing);
  }

  /** Whoever waits does so in vain; false where it has nowhere else to go: it still waits. */
  goElsewhere({ failure }: Failing): boolean {
    const { attempt } = this;
    attempt.waitingAt = undefined;
    if (attempt.goElsewhere(failure)) return true;
    attempt.waitingAt = this;
    return false;
  }

  fail({ failure, detail }: Failing): void {
    this.attempt.waitingAt = undefined;
    this.attempt.fail(failure, detail);
  }
}
