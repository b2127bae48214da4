import type { AffinitySetting } from './affinity.ts';
import type { grpcRetryConditions } from './grpc-statuses.ts';

/** What the annotations of a Service or a route say of its traffic (linkerd2 policy-controller/k8s/index/src/outbound/index.rs). */
export interface TrafficSettings {
  readonly accrual: FailureAccrual | undefined;
  readonly timeouts: Timeouts;
  readonly httpRetry: Retry<StatusRange> | undefined;
  readonly grpcRetry: Retry<GrpcRetryCondition> | undefined;
  readonly hedge: Hedge | undefined;
  readonly loadBiaser: LoadBiaser | undefined;
  /** Of a route whose backends are in order of preference; undefined where weights say which share each has. */
  readonly failover: FailoverSettings | undefined;
  /** Services that requests may ask for in place of this one. Of a Service: a route says nothing of it. */
  readonly overrides: readonly OverrideService[];
  /** Whether requests may say otherwise for themselves. Of what they are sent to: a route says nothing of it. */
  readonly allowsRequestHeaders: boolean;
  readonly affinity: SessionAffinity | undefined;
  readonly zones: ZonePreference | undefined;
  /** Of requests of whose trace nobody has decided, the share of which one begins; undefined: as each proxy has it. */
  readonly traceSampleRate: number | undefined;
}

/** Requests with the same key go to the same endpoint. */
export interface SessionAffinity {
  readonly key: AffinitySetting;
  /** The most requests of one endpoint in relation to those of all; undefined: as many as come. */
  readonly maxLoad: number | undefined;
}

/** Endpoints of the client's zone come first. */
export interface ZonePreference {
  /** Requests in flight for each endpoint above which other zones help out. */
  readonly maxLoad: number;
}

export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  readonly jitterRatio: number;
  /** A Retry-After of the endpoint is taken for the back-off. */
  readonly honorRetryAfter: boolean;
}

interface Accrual {
  readonly maxFailures: number;
  readonly backoff: Backoff;
  /** So many endpoints that are ready stay, whatever they answer; undefined for none. */
  readonly minReady: number | undefined;
}

export type FailureAccrual =
  | (Accrual & { readonly kind: 'consecutive' })
  | (Accrual & {
      readonly kind: 'unified';
      readonly successRate: number;
      readonly windowMs: number;
      readonly minRequests: number;
    });

/** Milliseconds; undefined for no limit. */
export interface Timeouts {
  readonly requestMs: number | undefined;
  readonly responseMs: number | undefined;
  readonly idleMs: number | undefined;
}

export interface StatusRange {
  readonly start: number;
  readonly end: number;
}

export type GrpcRetryCondition = (typeof grpcRetryConditions)[number];

export interface Retry<Condition> {
  /** Tries beyond the first. */
  readonly limit: number;
  readonly timeoutMs: number | undefined;
  /** Undefined when only the limit or the timeout was given. */
  readonly conditions: readonly Condition[] | undefined;
  /** Before the next try at least; undefined for that of all. */
  readonly backoffMs?: number;
}

/** A second try of a request that may be done twice, while the first is not answered. */
export interface Hedge {
  readonly afterMs: number;
  /** Such tries of one request. */
  readonly limit: number;
  /** Such tries for each request. */
  readonly budgetRatio: number;
}

export interface OverrideService {
  readonly name: string;
  /** Undefined for that of the Service that says so. */
  readonly namespace: string | undefined;
}

/** Endpoints that answer 429 or 503, or fail, are weighed as slower ones. */
export interface LoadBiaser {
  readonly penaltyMs: number;
  readonly maxRetryAfterMs: number;
}

/** When a backend is passed over for the next. */
export interface FailoverSettings {
  /** Which share of its endpoints must be ready, above 0; undefined: one of them will do. */
  readonly minReady: { readonly numerator: number; readonly denominator: number } | undefined;
}
