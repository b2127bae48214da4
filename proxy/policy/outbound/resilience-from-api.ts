import type { Duration } from '@bufbuild/protobuf/wkt';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Backend_BalanceP2c, ExponentialBackoff, FailureAccrual } from '../../../api/gen/outbound_pb.js';
import type { Hedge } from '../../../api/gen/tulle_pb.js';
import { type LoadConfig, plainLoad } from '../../balance/load.ts';
import type { HedgeRule } from '../../model/tries.ts';
import type { BreakerBackOff } from '../../resilience/breaker/breaker.ts';
import type { BreakerConfig } from '../../resilience/breaker/make-breaker.ts';

/** Told why a setting cannot hold: it is then as if it were not there. */
export type OnUnreadSetting = (why: string) => void;

/** The longest that an endpoint is left alone or weighed as slow, whoever says so: 24 hours. */
const longestMs = 86_400_000;
const maxJitterRatio = 100;
/** Of one request. */
const mostHedges = 4;

/** By what endpoints are ejected; undefined when none ever is. Defaults are those of Linkerd's annotations. */
export function failureAccrualFromApi(
  accrual: FailureAccrual | undefined,
  onUnread: OnUnreadSetting = () => {},
): BreakerConfig | undefined {
  const minReadyEndpoints = accrual?.ejection?.minReadyEndpoints ?? 0;
  switch (accrual?.kind.case) {
    case 'consecutiveFailures': {
      const { maxFailures, backoff } = accrual.kind.value;
      const backOff = backOffFromApi(backoff, onUnread);
      if (maxFailures === 0 || backOff === undefined) return undefined;
      return { maxFailures, successRate: undefined, backOff, minReadyEndpoints };
    }
    case 'unified': {
      const {
        maxConsecutiveFailures: maxFailures,
        successRateThreshold,
        decay,
        minRequests,
        backoff,
      } = accrual.kind.value;
      const backOff = backOffFromApi(backoff, onUnread);
      const threshold = thresholdFrom(successRateThreshold, onUnread);
      if (backOff === undefined || threshold === undefined || (maxFailures === 0 && threshold === 0)) return undefined;
      const successRate = { threshold, windowMs: msFrom(decay, 10_000), minRequests };
      return { maxFailures, successRate, backOff, minReadyEndpoints };
    }
    default:
      return undefined;
  }
}

/** How the load of endpoints is measured: by round trips alone, where nothing else is said. */
export function loadFromApi(load: Backend_BalanceP2c['load'] | undefined): LoadConfig {
  if (load?.case === undefined) return plainLoad;
  const defaultRttMs = msFrom(load.value.defaultRtt, plainLoad.defaultRttMs);
  const decayMs = Math.max(1, msFrom(load.value.decay, plainLoad.decayMs));
  if (load.case === 'peakEwma') return Object.freeze({ defaultRttMs, decayMs, penalty: undefined });
  const penaltyMs = msFrom(load.value.penalty, 5000);
  const maxRetryAfterMs = msFrom(load.value.maxRetryAfter, 300_000);
  return Object.freeze({ defaultRttMs, decayMs, penalty: Object.freeze({ penaltyMs, maxRetryAfterMs }) });
}

/** Undefined where it cannot hold: requests are then sent once. */
export function hedgeFromApi(
  { after, limit, budgetRatio }: Hedge,
  onUnread: OnUnreadSetting = () => {},
): HedgeRule | undefined {
  const afterMs = msFrom(after, 0);
  if (afterMs < 1) {
    onUnread(`the time after which requests are hedged must be 1 ms or more, and is ${afterMs} ms`);
    return undefined;
  }
  if (!(budgetRatio >= 0 && budgetRatio <= 1)) {
    onUnread(`the budget of hedges must be from 0 to 1, and is ${budgetRatio}`);
    return undefined;
  }
  return Object.freeze({ afterMs, limit: Math.min(limit || 1, mostHedges), budgetRatio: budgetRatio || 0.2 });
}

function thresholdFrom(threshold: number, onUnread: OnUnreadSetting): number | undefined {
  if (threshold >= 0 && threshold <= 1) return threshold;
  onUnread(`the threshold of the success rate must be from 0 to 1, and is ${threshold}`);
  return undefined;
}

function backOffFromApi(
  backOff: ExponentialBackoff | undefined,
  onUnread: OnUnreadSetting,
): BreakerBackOff | undefined {
  const minMs = msFrom(backOff?.minBackoff, 1000);
  const maxMs = msFrom(backOff?.maxBackoff, 60_000);
  const jitterRatio = backOff?.jitterRatio ?? 0.5;
  if (maxMs === 0 || minMs > maxMs) {
    onUnread(`the back-off must be at most its maximum, which is more than 0: it is ${minMs} ms of ${maxMs} ms`);
    return undefined;
  }
  if (!(jitterRatio >= 0 && jitterRatio <= maxJitterRatio)) {
    onUnread(`the jitter of the back-off must be from 0 to ${maxJitterRatio}, and is ${jitterRatio}`);
    return undefined;
  }
  return { minMs, maxMs, jitterRatio, honorsHints: backOff?.respectRetryAfterHint ?? false };
}

/** A duration that is negative is none. */
function msFrom(duration: Duration | undefined, defaultMs: number): number {
  if (duration === undefined) return defaultMs;
  const ms = durationMs(duration);
  return ms >= 0 ? Math.min(ms, longestMs) : defaultMs;
}
