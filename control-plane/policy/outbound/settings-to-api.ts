import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { TimeoutsSchema } from '../../../api/gen/http_route_pb.js';
import type {
  Backend_BalanceP2cSchema,
  ExponentialBackoffSchema,
  FailureAccrualSchema,
  GrpcRoute_RetrySchema,
  HttpRoute_RetrySchema,
} from '../../../api/gen/outbound_pb.js';
import type { EndpointChoiceSchema, HedgeSchema, SessionAffinitySchema } from '../../../api/gen/tulle_pb.js';
import type { AffinitySetting } from '../../../lib/contract/affinity.ts';
import type {
  Backoff,
  FailureAccrual,
  GrpcRetryCondition,
  Hedge,
  LoadBiaser,
  Retry,
  StatusRange,
  Timeouts,
  TrafficSettings,
} from '../../../lib/contract/traffic-settings.ts';

export type AccrualInit = MessageInitShape<typeof FailureAccrualSchema>;
export type ChoiceInit = MessageInitShape<typeof EndpointChoiceSchema>;
export type LoadInit = NonNullable<MessageInitShape<typeof Backend_BalanceP2cSchema>['load']>;
type BackoffInit = MessageInitShape<typeof ExponentialBackoffSchema>;

/** Requests with a longer body are not tried again. */
const maxRetriedBytes = 64 * 1024;
const retryBackoff: BackoffInit = {
  minBackoff: durationFromMs(25),
  maxBackoff: durationFromMs(250),
  jitterRatio: 1,
};
/** The longest wait for a try is ten times the shortest, as where nobody says either. */
const backoffFrom = (minMs: number | undefined): BackoffInit =>
  minMs === undefined
    ? retryBackoff
    : { ...retryBackoff, minBackoff: durationFromMs(minMs), maxBackoff: durationFromMs(10 * minMs) };
const ewma = { defaultRtt: durationFromMs(30), decay: durationFromMs(10_000) };

export const plainLoad: LoadInit = { case: 'peakEwma', value: ewma };

export function loadToApi(biaser: LoadBiaser | undefined): LoadInit {
  if (biaser === undefined) return plainLoad;
  return {
    case: 'penaltyPeakEwma',
    value: {
      ...ewma,
      penalty: durationFromMs(biaser.penaltyMs),
      maxRetryAfter: durationFromMs(biaser.maxRetryAfterMs),
    },
  };
}

/** Undefined where endpoints are chosen by their load alone. */
export function choiceToApi({ affinity, zones }: Pick<TrafficSettings, 'affinity' | 'zones'>): ChoiceInit | undefined {
  if (affinity === undefined && zones === undefined) return undefined;
  return {
    affinity: affinity && { key: affinityKeyToApi(affinity.key), maxLoad: affinity.maxLoad },
    zones: zones && { maxLoad: zones.maxLoad },
  };
}

type AffinityKeyInit = MessageInitShape<typeof SessionAffinitySchema>['key'];

function affinityKeyToApi(key: AffinitySetting): AffinityKeyInit {
  switch (key.kind) {
    case 'header':
      return { case: 'header', value: key.name };
    case 'cookie':
      return { case: 'cookie', value: { name: key.name, ttl: duration(key.ttlMs), path: key.path } };
    case 'query':
      return { case: 'queryParameter', value: key.name };
    case 'source':
      return { case: 'sourceIp', value: {} };
  }
}

export function accrualToApi(accrual: FailureAccrual | undefined): AccrualInit | undefined {
  if (accrual === undefined) return undefined;
  const backoff = backoffToApi(accrual.backoff);
  const ejection = accrual.minReady ? { minReadyEndpoints: accrual.minReady } : undefined;
  if (accrual.kind === 'consecutive') {
    return { kind: { case: 'consecutiveFailures', value: { maxFailures: accrual.maxFailures, backoff } }, ejection };
  }
  return {
    ejection,
    kind: {
      case: 'unified',
      value: {
        successRateThreshold: accrual.successRate,
        decay: durationFromMs(accrual.windowMs),
        minRequests: accrual.minRequests,
        maxConsecutiveFailures: accrual.maxFailures,
        backoff,
      },
    },
  };
}

function backoffToApi({ minMs, maxMs, jitterRatio, honorRetryAfter }: Backoff): BackoffInit {
  return {
    minBackoff: durationFromMs(minMs),
    maxBackoff: durationFromMs(maxMs),
    jitterRatio,
    respectRetryAfterHint: honorRetryAfter,
  };
}

/** Undefined when nothing is limited. */
export function timeoutsToApi(timeouts: Timeouts): MessageInitShape<typeof TimeoutsSchema> | undefined {
  const { requestMs, responseMs, idleMs } = timeouts;
  if (requestMs === undefined && responseMs === undefined && idleMs === undefined) return undefined;
  return { request: duration(requestMs), response: duration(responseMs), idle: duration(idleMs) };
}

export function httpRetryToApi(
  retry: Retry<StatusRange> | undefined,
): MessageInitShape<typeof HttpRoute_RetrySchema> | undefined {
  return (
    retry && {
      maxRetries: retry.limit,
      maxRequestBytes: maxRetriedBytes,
      backoff: backoffFrom(retry.backoffMs),
      timeout: duration(retry.timeoutMs),
      // Sent when there are none, too: proxies of Linkerd refuse a whole policy over a retry without.
      conditions: { statusRanges: (retry.conditions ?? []).map(({ start, end }) => ({ start, end })) },
    }
  );
}

export function grpcRetryToApi(
  retry: Retry<GrpcRetryCondition> | undefined,
): MessageInitShape<typeof GrpcRoute_RetrySchema> | undefined {
  return (
    retry && {
      maxRetries: retry.limit,
      maxRequestBytes: maxRetriedBytes,
      backoff: retryBackoff,
      timeout: duration(retry.timeoutMs),
      conditions: {
        cancelled: retry.conditions?.includes('cancelled'),
        deadineExceeded: retry.conditions?.includes('deadline-exceeded'),
        internal: retry.conditions?.includes('internal'),
        resourceExhausted: retry.conditions?.includes('resource-exhausted'),
        unavailable: retry.conditions?.includes('unavailable'),
      },
    }
  );
}

export function hedgeToApi(hedge: Hedge | undefined): MessageInitShape<typeof HedgeSchema> | undefined {
  return hedge && { after: durationFromMs(hedge.afterMs), limit: hedge.limit, budgetRatio: hedge.budgetRatio };
}

export function duration(ms: number | undefined) {
  return ms === undefined ? undefined : durationFromMs(ms);
}
