import type { Classification } from '../telemetry/classify.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';

/** A way that tries take: each is started on a connection now or later, or fails. Never throws. */
export interface Sender {
  send(attempt: Attempt): void;
}

/** What is to become of the requests of one rule: frozen, made when policy changes and not when requests come. */
export interface RoutePlan {
  readonly sender: Sender;
  /** Where the requests of the rule are counted; undefined when nothing tells them apart. */
  readonly metrics: RequestMetrics | undefined;
  /** Whether a response counts as a success. `grpc` is its gRPC status, -1 for none. */
  classify(status: number, grpc: number, error: string | undefined): Classification;
}

/** Counts what became of an exchange for the rule that it went by, if that counts. */
export function countResponse(exchange: Exchange, now: () => number): void {
  const { plan, status, grpcStatus, error, startMs, firstByteMs } = exchange;
  if (plan?.metrics === undefined) return;
  const nowMs = firstByteMs < 0 ? now() : firstByteMs;
  plan.metrics.response(nowMs, status, plan.classify(status, grpcStatus, error), grpcStatus, error, nowMs - startMs);
}
