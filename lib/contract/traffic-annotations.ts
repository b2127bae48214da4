import { affinityLoad, affinitySetting, zoneLoad } from './affinity.ts';
import { type AnnotationReader, type Annotations, type Complain, readGroup } from './annotation-reader.ts';
import { backendsAnnotation, failoverBelowAnnotation, traceSampleRateAnnotation } from './annotations.ts';
import { grpcRetryConditions } from './grpc-statuses.ts';
import { percentage, ratioOfPercent } from './percentage.ts';
import type {
  Backoff,
  FailoverSettings,
  FailureAccrual,
  GrpcRetryCondition,
  Hedge,
  LoadBiaser,
  OverrideService,
  Retry,
  SessionAffinity,
  StatusRange,
  Timeouts,
  TrafficSettings,
  ZonePreference,
} from './traffic-settings.ts';

/**
 * Reads the annotations. One that is wrong leaves its group (failure accrual, timeouts, HTTP or gRPC retries, hedging, affinity,
 * zones, tracing) as if none of it were there, and `complain` is called for it.
 */
export function trafficSettings(annotations: Annotations = {}, complain: Complain = () => {}): TrafficSettings {
  return {
    accrual: readGroup(annotations, complain, readAccrual),
    timeouts: readGroup(annotations, complain, readTimeouts) ?? none,
    httpRetry: readGroup(annotations, complain, (read) => readRetry(read, 'retry.linkerd.io/http', statusRanges)),
    grpcRetry: readGroup(annotations, complain, (read) => readRetry(read, 'retry.linkerd.io/grpc', grpcConditions)),
    hedge: readGroup(annotations, complain, readHedge),
    loadBiaser: readGroup(annotations, complain, readLoadBiaser),
    affinity: readGroup(annotations, complain, readAffinity),
    zones: readGroup(annotations, complain, readZones),
    failover: readGroup(annotations, complain, readFailover),
    traceSampleRate: readGroup(annotations, complain, (read) => read.number(traceSampleRateAnnotation, 0, 1, false)),
    overrides: readGroup(annotations, complain, readOverrides) ?? [],
    allowsRequestHeaders: readGroup(annotations, complain, (read) => read.flag(allowRequestHeaders)) ?? false,
  };
}

/**
 * What is wrong with those of a route, each told once. `isSent`: it hangs on what requests are sent to; on a Server most say
 * nothing.
 */
export function routeSettingProblems(
  annotations: Annotations,
  protocol: 'http' | 'grpc',
  isSent: boolean,
  complain: Complain,
): void {
  const other = protocol === 'http' ? 'retry.linkerd.io/grpc' : 'retry.linkerd.io/http';
  const told = new Set<string>();
  trafficSettings(annotations, (annotation, value, rule) => {
    if (annotation === other || told.has(annotation)) return;
    if (annotation !== traceSampleRateAnnotation && !isSent) return;
    told.add(annotation);
    complain(annotation, value, rule);
  });
}

const none: Timeouts = { requestMs: undefined, responseMs: undefined, idleMs: undefined };

const accrual = 'balancer.linkerd.io/failure-accrual';
const alpha = 'balancer.alpha.linkerd.io';
/** Of our own: Linkerd's message has a field for it, and no annotation. */
const minReadyEndpoints = 'balancer.tulle.dev/failure-accrual-min-ready-endpoints';
/** Of our own: with Linkerd it is a flag of the policy controller, for the whole cluster. */
const allowRequestHeaders = 'policy.tulle.dev/allow-l5d-request-headers';
const overrideTo = 'override.tulle.dev/to';
const mostOverrides = 32;
const longestHedgeMs = 3_600_000;
const maxUint32 = 0xffff_ffff;

function readAccrual(read: AnnotationReader): FailureAccrual | undefined {
  const mode = read.text(accrual);
  if (mode === undefined) return undefined;
  if (mode !== 'consecutive' && mode !== 'unified') read.wrong(accrual, "must be 'consecutive' or 'unified'");
  const maxPenalty = `${accrual}-consecutive-max-penalty`;
  const maxFailures = read.number(`${accrual}-consecutive-max-failures`, 0, maxUint32, true) ?? 7;
  const backoff: Backoff = {
    minMs: read.durationMs(`${accrual}-consecutive-min-penalty`) ?? 1000,
    maxMs: read.durationMs(maxPenalty) ?? 60_000,
    jitterRatio: read.number(`${accrual}-consecutive-jitter-ratio`, 0, 100, false) ?? 0.5,
    honorRetryAfter: read.flag(`${alpha}/failure-accrual-honor-retry-after`),
  };
  if (backoff.maxMs === 0) read.wrong(maxPenalty, 'must be more than 0');
  if (backoff.minMs > backoff.maxMs) {
    read.wrong(`${accrual}-consecutive-min-penalty`, `must not exceed the maximum penalty (${backoff.maxMs}ms)`);
  }
  const common = { maxFailures, backoff, minReady: read.number(minReadyEndpoints, 0, maxUint32, true) };
  if (mode === 'consecutive') return { kind: mode, ...common };
  const window = `${alpha}/failure-accrual-success-rate-window`;
  const windowMs = read.durationMs(window) ?? 10_000;
  if (windowMs < 10) read.wrong(window, 'must be at least 10ms');
  return {
    kind: mode,
    ...common,
    successRate: read.number(`${alpha}/failure-accrual-success-rate-threshold`, 0, 1, false) ?? 0.8,
    windowMs,
    minRequests: read.number(`${alpha}/failure-accrual-success-rate-min-requests`, 1, 1_000_000, true) ?? 5,
  };
}

function readTimeouts(read: AnnotationReader): Timeouts {
  return {
    requestMs: read.durationMs('timeout.linkerd.io/request'),
    responseMs: read.durationMs('timeout.linkerd.io/response'),
    idleMs: read.durationMs('timeout.linkerd.io/idle'),
  };
}

function readRetry<Condition>(
  read: AnnotationReader,
  on: string,
  parse: (item: string) => Condition | undefined,
): Retry<Condition> | undefined {
  const limit = read.number('retry.linkerd.io/limit', 0, 65_535, true) || undefined;
  const timeoutMs = read.durationMs('retry.linkerd.io/timeout') || undefined;
  const conditions = read
    .text(on)
    ?.split(',')
    .map((item) => parse(item.trim()) ?? read.wrong(on, `has an unknown condition '${item.trim()}'`));
  if (limit === undefined && timeoutMs === undefined && conditions === undefined) return undefined;
  return { limit: limit ?? 1, timeoutMs, conditions };
}

/** `5xx`, `gateway-error`, `503` or `500-504`. */
function statusRanges(item: string): StatusRange | undefined {
  if (item === '5xx') return { start: 500, end: 599 };
  if (item === 'gateway-error') return { start: 502, end: 504 };
  const match = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(item);
  if (!match) return undefined;
  const range = { start: Number(match[1]), end: Number(match[2] ?? match[1]) };
  return range.start <= range.end ? range : undefined;
}

function grpcConditions(item: string): GrpcRetryCondition | undefined {
  return grpcRetryConditions.find((condition) => condition === item);
}

function readHedge(read: AnnotationReader): Hedge | undefined {
  const [after, budget] = ['hedge.tulle.dev/after', 'hedge.tulle.dev/budget'];
  const afterMs = read.durationMs(after);
  const limit = read.number('hedge.tulle.dev/limit', 1, 4, true);
  const budgetRatio = read.number(budget, 0, 1, false);
  if (afterMs === undefined && limit === undefined && budgetRatio === undefined) return undefined;
  if (afterMs === undefined) read.wrong(after, 'must be set: limit and budget are of what it says when');
  if (afterMs < 1 || afterMs > longestHedgeMs) read.wrong(after, 'must be from 1ms to 1h');
  if (budgetRatio === 0) read.wrong(budget, 'must be more than 0');
  return { afterMs, limit: limit ?? 1, budgetRatio: budgetRatio ?? 0.2 };
}

/** `web-v2, cart.shop`. */
function readOverrides(read: AnnotationReader): OverrideService[] {
  const items = read.text(overrideTo)?.split(',') ?? [];
  if (items.length > mostOverrides) read.wrong(overrideTo, `must name at most ${mostOverrides} Services`);
  return items.map((item) => {
    const [name, namespace, ...more] = item.trim().split('.', 3);
    const isWell = more.length === 0 && isLabel(name) && (namespace === undefined || isLabel(namespace));
    if (!isWell) read.wrong(overrideTo, `must name Services, as name or name.namespace: '${item.trim()}' is none`);
    return { name, namespace };
  });
}

const isLabel = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

function readLoadBiaser(read: AnnotationReader): LoadBiaser | undefined {
  if (!read.flag(`${alpha}/penalize-failures`)) return undefined;
  return {
    penaltyMs: read.durationMs(`${alpha}/load-biaser-penalty`) ?? 5000,
    maxRetryAfterMs: read.durationMs(`${alpha}/load-biaser-max-retry-after`) ?? 300_000,
  };
}

/** Of our own: Linkerd has neither. */
const tulle = 'balancer.tulle.dev';

function readAffinity(read: AnnotationReader): SessionAffinity | undefined {
  const [name, maxLoad] = [`${tulle}/affinity`, `${tulle}/affinity-max-load`];
  const text = read.text(name);
  if (text === undefined) {
    if (read.text(maxLoad) !== undefined) read.wrong(maxLoad, `needs ${name} beside it`);
    return undefined;
  }
  const key = affinitySetting.read(text) ?? read.wrong(name, `must be ${affinitySetting.expected}`);
  return { key, maxLoad: read.number(maxLoad, affinityLoad.min, affinityLoad.max, false) };
}

function readZones(read: AnnotationReader): ZonePreference | undefined {
  const [name, maxLoad] = [`${tulle}/zones`, `${tulle}/zones-max-load`];
  const text = read.text(name);
  if (text === undefined) {
    if (read.text(maxLoad) !== undefined) read.wrong(maxLoad, `needs ${name} beside it`);
    return undefined;
  }
  if (text !== 'prefer') read.wrong(name, "must be 'prefer'");
  return { maxLoad: read.number(maxLoad, zoneLoad.min, zoneLoad.max, false) ?? zoneLoad.default };
}

function readFailover(read: AnnotationReader): FailoverSettings | undefined {
  const order = read.text(backendsAnnotation);
  const below = read.text(failoverBelowAnnotation);
  if (order === undefined) {
    if (below !== undefined) {
      read.wrong(failoverBelowAnnotation, `holds for backends in order only: set ${backendsAnnotation} to 'in-order'`);
    }
    return undefined;
  }
  if (order !== 'in-order') read.wrong(backendsAnnotation, "must be 'in-order', or not be there");
  if (below === undefined) return { minReady: undefined };
  const percent = percentage.read(below);
  if (percent === undefined || percent === 0) {
    read.wrong(failoverBelowAnnotation, "must be a percentage above 0% and up to 100%, such as '50%'");
  }
  return { minReady: ratioOfPercent(percent) };
}

/** Of a TCPRoute or TLSRoute: what is wrong with the annotation for backends in order of preference, if it has it. */
export const orderOfBytesProblem = (annotations: Annotations = {}): string | undefined =>
  annotations[backendsAnnotation] === undefined ? undefined : 'holds for an HTTPRoute or GRPCRoute only';
