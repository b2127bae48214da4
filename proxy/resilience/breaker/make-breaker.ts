import type { Breaker, BreakerBackOff } from './breaker.ts';
import { ConsecutiveBreaker } from './consecutive.ts';
import type { SuccessRateOptions } from './success-rate.ts';
import { UnifiedBreaker } from './unified.ts';

/** By what the endpoints of a service are ejected. */
export interface BreakerConfig {
  /** Failures in a row; 0 when they are not counted. */
  readonly maxFailures: number;
  /** Undefined when only failures in a row count. */
  readonly successRate: SuccessRateOptions | undefined;
  readonly backOff: BreakerBackOff;
  /** So many endpoints that are ready stay, whatever they answer. 0, as with Linkerd: the last one is ejected, too. */
  readonly minReadyEndpoints: number;
}

/** A breaker for one endpoint. `random` is in [0, 1). */
export function makeBreaker({ maxFailures, successRate, backOff }: BreakerConfig, random: () => number): Breaker {
  if (successRate === undefined) return new ConsecutiveBreaker(maxFailures, backOff, random);
  return new UnifiedBreaker(maxFailures, successRate, backOff, random);
}
