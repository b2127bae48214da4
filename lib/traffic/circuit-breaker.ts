import type { Duration } from 'cdk8s';
import { milliseconds, numberIn, wholeNumberIn } from '../policy/checks.ts';
import { checkProps } from '../props/check-props.ts';
import { duration, number, type Shape } from '../props/form.ts';

/** How long an endpoint that was taken out is left alone; each further time twice as long. */
export interface PenaltyOptions {
  /**
   * The first time.
   *
   * @default Duration.seconds(1)
   */
  readonly minPenalty?: Duration;

  /**
   * At most.
   *
   * @default Duration.minutes(1)
   */
  readonly maxPenalty?: Duration;

  /**
   * How much of the penalty is added by chance, so that endpoints do not come back together: 0.5 is up to a half.
   *
   * @default 0.5
   */
  readonly jitterRatio?: number;

  /**
   * How many ready endpoints stay, whatever they answer.
   *
   * @default - none: all may be taken out
   */
  readonly minReadyEndpoints?: number;
}

export interface ConsecutiveFailuresOptions extends PenaltyOptions {
  /**
   * Failures one after the other that take an endpoint out.
   *
   * @default 7
   */
  readonly maxFailures?: number;
}

export interface SuccessRateOptions extends ConsecutiveFailuresOptions {
  /**
   * The share of answers that must be none of failure, from 0 to 1.
   *
   * @default 0.8
   */
  readonly threshold?: number;

  /**
   * How far back answers are looked at.
   *
   * @default Duration.seconds(10)
   */
  readonly window?: Duration;

  /**
   * Answers within the window below which their share says nothing.
   *
   * @default 5
   */
  readonly minRequests?: number;
}

const failures: Shape<ConsecutiveFailuresOptions> = {
  minPenalty: duration,
  maxPenalty: duration,
  jitterRatio: number,
  minReadyEndpoints: number,
  maxFailures: number,
};
const rate: Shape<SuccessRateOptions> = { ...failures, threshold: number, window: duration, minRequests: number };

const accrual = 'balancer.linkerd.io/failure-accrual';
const alpha = 'balancer.alpha.linkerd.io/failure-accrual-success-rate';
const mostFailures = 0xffff_ffff;

/** When clients take an endpoint out of a Service, for a while (annotations `balancer.linkerd.io/failure-accrual`). */
export class CircuitBreaker {
  /** After some failures one after the other. */
  static consecutiveFailures(options: ConsecutiveFailuresOptions = {}): CircuitBreaker {
    checkProps(failures, options);
    return new CircuitBreaker({ [accrual]: 'consecutive', ...consecutive(options) });
  }

  /** When too few of its answers are well, and after some failures one after the other. */
  static successRate(options: SuccessRateOptions = {}): CircuitBreaker {
    checkProps(rate, options);
    const { threshold, window, minRequests } = options;
    const windowMs = milliseconds('window', window);
    if (windowMs !== undefined && windowMs < 10) {
      throw new Error(`'window' (${windowMs}ms) must be at least 10ms: what is shorter holds no answers`);
    }
    return new CircuitBreaker({
      [accrual]: 'unified',
      ...consecutive(options),
      [`${alpha}-threshold`]: numberIn('threshold', threshold, 0, 1)?.toString(),
      [`${alpha}-window`]: windowMs === undefined ? undefined : `${windowMs}ms`,
      [`${alpha}-min-requests`]: wholeNumberIn('minRequests', minRequests, 1, 1_000_000)?.toString(),
    });
  }

  private readonly annotations: Readonly<Record<string, string>>;

  private constructor(annotations: Readonly<Record<string, string | undefined>>) {
    this.annotations = Object.fromEntries(
      Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  }

  /** @internal Of a Service or route, that say it. */
  get _annotations(): Readonly<Record<string, string>> {
    return this.annotations;
  }
}

function consecutive(options: ConsecutiveFailuresOptions): Record<string, string | undefined> {
  const { maxFailures, minPenalty, maxPenalty, jitterRatio, minReadyEndpoints } = options;
  const minMs = milliseconds('minPenalty', minPenalty);
  const maxMs = milliseconds('maxPenalty', maxPenalty);
  if (maxMs === 0) throw new Error("'maxPenalty' (0ms) must be more than 0: an endpoint would never be left alone");
  if ((minMs ?? 1000) > (maxMs ?? 60_000)) {
    throw new Error(
      `'minPenalty' (${minMs ?? 1000}ms) must not be longer than 'maxPenalty' (${maxMs ?? 60_000}ms): raise the one or lower the other`,
    );
  }
  const ms = (value: number | undefined) => (value === undefined ? undefined : `${value}ms`);
  return {
    [`${accrual}-consecutive-max-failures`]: wholeNumberIn('maxFailures', maxFailures, 0, mostFailures)?.toString(),
    [`${accrual}-consecutive-min-penalty`]: ms(minMs),
    [`${accrual}-consecutive-max-penalty`]: ms(maxMs),
    [`${accrual}-consecutive-jitter-ratio`]: numberIn('jitterRatio', jitterRatio, 0, 100)?.toString(),
    'balancer.tulle.dev/failure-accrual-min-ready-endpoints': wholeNumberIn(
      'minReadyEndpoints',
      minReadyEndpoints,
      0,
      mostFailures,
    )?.toString(),
  };
}
