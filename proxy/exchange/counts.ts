import type { Buckets } from '../telemetry/histogram.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { StreamSeries } from '../telemetry/stream-metrics.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { answersOfPolicy, streamErrorOf } from './stream-error.ts';

/** Counts the requests of a rule. On the hot path: it must not allocate. */
export interface RouteCounts {
  /** It goes by the rule. */
  begun(): void;
  /** A piece of its body has come. */
  sent(exchange: Exchange, bytes: number): void;
  /** It is over, exactly once; see `exchange.status`, `error` and `failure`. */
  over(exchange: Exchange, nowMs: () => number): void;
}

/** Counts the tries at one place that a rule sends to: made by who sends them on, in the same way. */
export interface TryCounts {
  begun(): void;
  /** A piece of the response's body has come. */
  received(bytes: number): void;
  /** It is over, at `attempt.overMs`. */
  over(attempt: Attempt): void;
}

/** The older generation of metrics, which classifies responses: `request_total` and what goes with it. */
export class ClassifiedRequests implements RouteCounts {
  private readonly metrics: RequestMetrics;

  constructor(metrics: RequestMetrics) {
    this.metrics = metrics;
  }

  begun(): void {
    this.metrics.request();
  }

  sent(): void {}

  over(exchange: Exchange, nowMs: () => number): void {
    const { plan, status, grpcStatus, error, startMs, firstByteMs } = exchange;
    if (plan === undefined) return;
    const endMs = firstByteMs < 0 ? nowMs() : firstByteMs;
    const classification = plan.classify(status, grpcStatus, error);
    this.metrics.response(endMs, status, classification, grpcStatus, error, endMs - startMs, exchange.trace);
  }
}

/** The same for tries: `route_actual_*`. */
export class ClassifiedTries implements TryCounts {
  private readonly metrics: RequestMetrics;

  constructor(metrics: RequestMetrics) {
    this.metrics = metrics;
  }

  begun(): void {
    this.metrics.request();
  }

  received(): void {}

  over({ exchange, status, grpcStatus, error, overMs, firstByteMs, sentMs }: Attempt): void {
    if (exchange.plan === undefined) return;
    const endMs = firstByteMs < 0 ? overMs : firstByteMs;
    const classification = exchange.plan.classify(status, grpcStatus, error);
    const latencyMs = sentMs < 0 ? 0 : endMs - sentMs;
    this.metrics.response(endMs, status, classification, grpcStatus, error, latencyMs, exchange.trace);
  }
}

/** What became of a request, into the series of its route. Returns when it was over. */
export function countRequest(series: StreamSeries, isGrpc: boolean, exchange: Exchange, nowMs: () => number): number {
  const { attempt, error, failure, startMs } = exchange;
  // What ended by itself ended with its last try.
  const endMs = error === undefined && attempt !== undefined && attempt.overMs >= 0 ? attempt.overMs : nowMs();
  const word = streamErrorOf(error);
  // A status that is this proxy's own word for what happened is no status of anybody's.
  const isOwn = failure !== undefined && word !== '' && !exchange.answered;
  if (isGrpc) series.statuses.add(isOwn ? -1 : exchange.grpcStatus, word);
  else series.statuses.add(isOwn ? 0 : exchange.status, word);
  exemplified(exchange, series.requestDuration, (endMs - startMs) / 1000, endMs);
  series.usedMs = endMs;
  return endMs;
}

/** Counts a value of the exchange, with the trace that it is part of. */
export function exemplified({ trace }: Exchange, buckets: Buckets, value: number, nowMs: number): void {
  const bucket = buckets.add(value);
  if (trace !== undefined) trace.exemplify(buckets, bucket, value, nowMs);
}

/** Counts the tries at one backend of a rule of the policy. */
export class BackendCounts implements TryCounts {
  private readonly series: StreamSeries;
  private readonly isGrpc: boolean;

  constructor(series: StreamSeries, isGrpc: boolean) {
    this.series = series;
    this.isGrpc = isGrpc;
  }

  begun(): void {
    this.series.requests++;
  }

  received(bytes: number): void {
    this.series.responseFrames.add(bytes);
  }

  over({ status, grpcStatus, error, overMs, sentMs, exchange }: Attempt): void {
    const { series, isGrpc } = this;
    // Where nobody was asked, what policy says is the answer.
    const own = error === undefined || status > 0 ? undefined : answersOfPolicy.get(error);
    if (isGrpc) series.statuses.add(own?.grpcStatus ?? grpcStatus, streamErrorOf(error));
    else series.statuses.add(own?.status ?? status, streamErrorOf(error));
    const { requestEndMs } = exchange;
    // A request that has not ended has its response at once, as it were; as with Linkerd.
    const fromMs = requestEndMs < 0 || sentMs < 0 ? overMs : Math.max(sentMs, requestEndMs);
    exemplified(exchange, series.responseDuration, (overMs - fromMs) / 1000, overMs);
    series.usedMs = overMs;
  }
}
