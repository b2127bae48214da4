import { Breaker, type BreakerBackOff, type Outcome, type TripReason } from './breaker.ts';
import { ConsecutiveFailures } from './consecutive.ts';
import { SuccessRate, type SuccessRateOptions } from './success-rate.ts';

/**
 * Ejects an endpoint by failures in a row, which tell soon of one that is down, or by its success rate, which tells of
 * one that fails half of its requests and never many in a row. Requests that it turns away (429, RESOURCE_EXHAUSTED)
 * lower the rate and end no probation, but are no failures in a row.
 */
export class UnifiedBreaker extends Breaker {
  private readonly failures: ConsecutiveFailures;
  private readonly rate: SuccessRate;

  constructor(maxFailures: number, rate: SuccessRateOptions, backOff: BreakerBackOff, random: () => number) {
    super(backOff, random);
    this.failures = new ConsecutiveFailures(maxFailures);
    this.rate = new SuccessRate(rate);
  }

  override record(outcome: Outcome, nowMs: number): TripReason | undefined {
    const tooMany = this.failures.record(outcome);
    const tooLow = this.rate.record(outcome === 'success', nowMs);
    if (tooMany) return 'consecutive failures';
    return tooLow ? 'success rate' : undefined;
  }

  protected override isRecovered(outcome: Outcome): boolean {
    return outcome === 'success';
  }

  protected override reset(): void {
    this.failures.reset();
    this.rate.reset();
  }
}
