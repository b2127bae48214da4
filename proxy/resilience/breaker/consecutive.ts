import { Breaker, type BreakerBackOff, type Outcome, type TripReason } from './breaker.ts';

/** Failures in a row; anything else between two of them has the count begin anew. */
export class ConsecutiveFailures {
  private readonly max: number;
  private count = 0;

  /** 0: never too many. */
  constructor(max: number) {
    this.max = max;
  }

  /** Takes one more answer; true as long as there are too many. */
  record(outcome: Outcome): boolean {
    if (outcome === 'failure') this.count++;
    else this.count = 0;
    return this.max > 0 && this.count >= this.max;
  }

  reset(): void {
    this.count = 0;
  }
}

/** Ejects an endpoint that fails a number of requests in a row. One that limits its clients does not fail. */
export class ConsecutiveBreaker extends Breaker {
  private readonly failures: ConsecutiveFailures;

  constructor(maxFailures: number, backOff: BreakerBackOff, random: () => number) {
    super(backOff, random);
    this.failures = new ConsecutiveFailures(maxFailures);
  }

  override record(outcome: Outcome): TripReason | undefined {
    return this.failures.record(outcome) ? 'consecutive failures' : undefined;
  }

  protected override isRecovered(outcome: Outcome): boolean {
    return outcome !== 'failure';
  }

  protected override reset(): void {
    this.failures.reset();
  }
}
