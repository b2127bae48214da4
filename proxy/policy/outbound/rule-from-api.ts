import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { Timeouts } from '../../../api/gen/http_route_pb.js';
import type {
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
import { addressFromApi } from '../../control/addresses.ts';
import type { RetryRule, RuleTimeouts } from '../../model/tries.ts';
import { labelsFromMetadata, type PolicyLabels } from '../labels.ts';
import type { Distribution, InjectedFailure, OutboundRule, RuleBackend } from './model.ts';

/** gRPC statuses that a retry may name, and what a backend that is not there answers. */
const [cancelled, unknown, deadlineExceeded, resourceExhausted] = [1, 2, 4, 8];
const [failedPrecondition, internal, unavailable] = [9, 13, 14];
/** Of a backend that the API describes in no way that is known here. */
const unreadable: InjectedFailure = { status: 500, grpcStatus: internal, message: 'the backend cannot be read' };

const defaultBackOff = { minMs: 25, maxMs: 250, jitter: 1 };
const maxBackOffMs = 60_000;
const maxTries = 100;

export function httpRuleFromApi(labels: PolicyLabels, rule: HttpRoute_Rule): OutboundRule {
  return ruleOf(labels, rule, rule.retry && httpRetry(rule.retry));
}

export function grpcRuleFromApi(labels: PolicyLabels, rule: GrpcRoute_Rule): OutboundRule {
  return ruleOf(labels, rule, rule.retry && grpcRetry(rule.retry));
}

type ApiBackend = HttpRoute_RouteBackend | GrpcRoute_RouteBackend;
type ApiDistribution = HttpRoute_Distribution | GrpcRoute_Distribution;

function ruleOf(
  labels: PolicyLabels,
  { backends, requestTimeout, timeouts, allowL5dRequestHeaders }: HttpRoute_Rule | GrpcRoute_Rule,
  retry: RetryRule | undefined,
): OutboundRule {
  return Object.freeze({
    labels,
    distribution: distributionOf(backends),
    timeouts: timeoutsOf(timeouts, requestTimeout),
    retry,
    allowsOverrides: allowL5dRequestHeaders,
  });
}

function distributionOf(distribution: ApiDistribution | undefined): Distribution {
  const kind = distribution?.kind;
  switch (kind?.case) {
    case 'firstAvailable':
      return { kind: 'first', backends: kind.value.backends.map((backend) => backendOf(backend, 1)) };
    case 'randomAvailable':
      return {
        kind: 'random',
        backends: kind.value.backends.map(({ backend, weight }) => backendOf(backend, weight)),
      };
    default:
      return { kind: 'first', backends: [] };
  }
}

function backendOf(api: ApiBackend | undefined, weight: number): RuleBackend {
  const destination = destinationOf(api?.backend?.kind);
  return {
    labels: labelsFromMetadata(api?.backend?.metadata),
    destination,
    failure: (api && injectedBy(api)) ?? (destination === undefined ? unreadable : undefined),
    weight,
    timeoutMs: positiveMs(api?.requestTimeout),
  };
}

/** What its first failure injector answers, which is how a backend is told of that is not there. */
function injectedBy({ filters }: ApiBackend): InjectedFailure | undefined {
  for (const { kind } of filters) {
    if (kind.case !== 'failureInjector') continue;
    const { value } = kind;
    if ('code' in value)
      return { status: 500, grpcStatus: value.code <= 16 ? value.code : unknown, message: value.message };
    const status = value.status >= 400 && value.status <= 599 ? value.status : 500;
    return { status, grpcStatus: failedPrecondition, message: value.message };
  }
  return undefined;
}

function destinationOf(kind: NonNullable<ApiBackend['backend']>['kind'] | undefined): RuleBackend['destination'] {
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
    maxRetries: Math.min(maxRetries, maxTries),
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
