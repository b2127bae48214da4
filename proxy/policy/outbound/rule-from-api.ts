import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { Timeouts } from '../../../api/gen/http_route_pb.js';
import type {
  Backend,
  ExponentialBackoff,
  GrpcRoute_Distribution,
  GrpcRoute_Retry,
  GrpcRoute_RouteBackend,
  GrpcRoute_Rule,
  HttpRoute_Distribution,
  HttpRoute_Retry,
  HttpRoute_RouteBackend,
  HttpRoute_Rule,
} from '../../../api/gen/outbound_pb.js';
import type { Failover } from '../../../api/gen/tulle_pb.js';
import { plainLoad } from '../../balance/load.ts';
import { addressFromApi } from '../../control/addresses.ts';
import { BadFilter, type Filters } from '../../filter/filter.ts';
import { type ApiFilter, filtersFromApi, ratioFromApi } from '../../filter/from-api.ts';
import { mirrorsFromApi } from '../../filter/mirrors-from-api.ts';
import { mostRetries, type RetryRule, type RuleTimeouts } from '../../model/tries.ts';
import type { BreakerConfig } from '../../resilience/breaker/make-breaker.ts';
import type { OnUnread } from '../../route/matches-from-api.ts';
import { type ResourceLabels, resourceLabels } from '../labels.ts';
import { choiceFromApi } from './choice-from-api.ts';
import type { Distribution, OutboundRule, RuleBackend, RuleMirror } from './model.ts';
import { hedgeFromApi, loadFromApi } from './resilience-from-api.ts';

/** gRPC statuses that a retry may name. */
const [cancelled, deadlineExceeded, resourceExhausted, internal, unavailable] = [1, 4, 8, 13, 14];

const defaultBackOff = { minMs: 25, maxMs: 250, jitter: 1 };
const maxBackOffMs = 60_000;

/** What the rules of one route have in common. */
export interface RuleContext {
  readonly labels: ResourceLabels;
  /** Of the target: by what endpoints are ejected. */
  readonly breaker: BreakerConfig | undefined;
  readonly traceSampleRate: number | undefined;
  readonly onUnread: OnUnread;
}

export function httpRuleFromApi(
  rule: HttpRoute_Rule,
  filters: Filters | undefined,
  context: RuleContext,
): OutboundRule {
  return ruleOf(rule, filters, context, rule.retry && httpRetry(rule.retry), false);
}

export function grpcRuleFromApi(
  rule: GrpcRoute_Rule,
  filters: Filters | undefined,
  context: RuleContext,
): OutboundRule {
  return ruleOf(rule, filters, context, rule.retry && grpcRetry(rule.retry), true);
}

type ApiBackend = HttpRoute_RouteBackend | GrpcRoute_RouteBackend;
type ApiDistribution = HttpRoute_Distribution | GrpcRoute_Distribution;

function ruleOf(
  rule: HttpRoute_Rule | GrpcRoute_Rule,
  filters: Filters | undefined,
  context: RuleContext,
  retry: RetryRule | undefined,
  isGrpc: boolean,
): OutboundRule {
  return Object.freeze({
    labels: context.labels,
    isGrpc,
    filters,
    mirrors: mirrorsOf(rule.filters, context.onUnread),
    distribution: distributionOf(rule.backends, context),
    timeouts: timeoutsOf(rule.timeouts, rule.requestTimeout),
    retry,
    hedge: rule.hedge && hedgeFromApi(rule.hedge, context.onUnread),
    allowsOverrides: rule.allowL5dRequestHeaders,
    traceSampleRate: context.traceSampleRate,
  });
}

function distributionOf(distribution: ApiDistribution | undefined, context: RuleContext): Distribution {
  const kind = distribution?.kind;
  switch (kind?.case) {
    case 'firstAvailable':
      return {
        kind: 'first',
        backends: kind.value.backends.map((backend) => backendOf(backend, 1, context)),
        minReady: minReadyOf(kind.value.failover, context.onUnread),
        endpoints: kind.value.failover?.endpoints ?? [],
      };
    case 'randomAvailable':
      return {
        kind: 'random',
        backends: kind.value.backends.map(({ backend, weight }) => backendOf(backend, weight, context)),
      };
    default:
      return { kind: 'first', backends: [], minReady: 0, endpoints: [] };
  }
}

/** One that cannot be read is as if it were not there: one endpoint will do. */
function minReadyOf(failover: Failover | undefined, onUnread: OnUnread): number {
  try {
    const ratio = ratioFromApi(failover?.minReady);
    return ratio === undefined ? 0 : Math.min(1, ratio.numerator / ratio.denominator);
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    onUnread(`the share of endpoints that must be ready is ${error.message}`);
    return 0;
  }
}

function backendOf(api: ApiBackend | undefined, weight: number, { breaker, onUnread }: RuleContext): RuleBackend {
  const kind = api?.backend?.kind;
  return {
    labels: resourceLabels(api?.backend?.metadata),
    destination: destinationFromApi(kind),
    filters: api && filtersFromApi(api.filters, undefined, onUnread),
    mirrors: api === undefined ? [] : mirrorsOf(api.filters, onUnread),
    balancing: balancingOf(kind, breaker, onUnread),
    weight,
    timeoutMs: positiveMs(api?.requestTimeout),
  };
}

/** A mirror that leads nowhere costs its copies, and no request. */
function mirrorsOf(filters: readonly ApiFilter[], onUnread: OnUnread): RuleMirror[] {
  return mirrorsFromApi(filters, onUnread).flatMap(({ backend, ratio }) => {
    const destination = destinationFromApi(backend.kind);
    return destination === undefined ? [] : [{ labels: resourceLabels(backend.metadata), destination, ratio }];
  });
}

function balancingOf(
  kind: NonNullable<ApiBackend['backend']>['kind'] | undefined,
  breaker: BreakerConfig | undefined,
  onUnread: OnUnread,
): RuleBackend['balancing'] {
  const balancer = kind?.case === 'balancer' ? kind.value : undefined;
  const load = loadFromApi(balancer?.load);
  const { affinity, zones } = choiceFromApi(balancer?.choice, onUnread);
  const isPlain = (load.penalty ?? breaker ?? affinity ?? zones) === undefined;
  return isPlain && load.defaultRttMs === plainLoad.defaultRttMs && load.decayMs === plainLoad.decayMs
    ? undefined
    : Object.freeze({ load, breaker, affinity, zones });
}

/** Undefined where it leads nowhere. */
export function destinationFromApi(kind: Backend['kind'] | undefined): RuleBackend['destination'] {
  if (kind?.case === 'balancer') {
    const discovery = kind.value.discovery?.kind;
    return discovery?.case === 'dst' ? { kind: 'service', path: discovery.value.path } : undefined;
  }
  const address = kind?.case === 'forward' ? addressFromApi(kind.value.addr) : undefined;
  return address && { kind: 'address', ...address };
}

function timeoutsOf(timeouts: Timeouts | undefined, request: Duration | undefined): RuleTimeouts | undefined {
  const read = {
    requestMs: positiveMs(timeouts?.request ?? request),
    responseMs: positiveMs(timeouts?.response),
    idleMs: positiveMs(timeouts?.idle),
  };
  return Object.values(read).some((ms) => ms !== undefined) ? read : undefined;
}

function httpRetry({ conditions, ...retry }: HttpRoute_Retry): RetryRule {
  const statuses = (conditions?.statusRanges ?? []).map(({ start, end }) => [start, end] as const);
  return { ...retryOf(retry), statuses, grpcStatuses: new Set() };
}

function grpcRetry({ conditions, ...retry }: GrpcRoute_Retry): RetryRule {
  const named = [
    [conditions?.cancelled, cancelled],
    [conditions?.deadineExceeded, deadlineExceeded],
    [conditions?.resourceExhausted, resourceExhausted],
    [conditions?.internal, internal],
    [conditions?.unavailable, unavailable],
  ] as const;
  const grpcStatuses = new Set(named.flatMap(([isSet, code]) => (isSet ? [code] : [])));
  return { ...retryOf(retry), statuses: [], grpcStatuses };
}

function retryOf({
  maxRetries,
  maxRequestBytes,
  timeout,
  backoff,
}: Pick<HttpRoute_Retry, 'maxRetries' | 'maxRequestBytes' | 'timeout' | 'backoff'>) {
  return {
    maxRetries: Math.min(maxRetries, mostRetries),
    maxRequestBytes,
    tryTimeoutMs: positiveMs(timeout),
    backOff: backOffOf(backoff),
  };
}

function backOffOf(backOff: ExponentialBackoff | undefined): RetryRule['backOff'] {
  if (backOff?.minBackoff === undefined || backOff.maxBackoff === undefined) return defaultBackOff;
  const minMs = Math.min(Math.max(1, durationMs(backOff.minBackoff)), maxBackOffMs);
  const maxMs = Math.min(Math.max(minMs, durationMs(backOff.maxBackoff)), maxBackOffMs);
  return { minMs, maxMs, jitter: Math.max(0, backOff.jitterRatio) };
}

/** No time at all means none is set, as in Gateway API (GEP-1742). */
function positiveMs(duration: Duration | undefined): number | undefined {
  const ms = duration === undefined ? 0 : durationMs(duration);
  return ms > 0 ? ms : undefined;
}
