/** In ms; undefined: as long as it takes. */
export interface RuleTimeouts {
  /** From the start of the request to the end of the response, all tries together. */
  readonly requestMs: number | undefined;
  /** From the end of the request to the end of the response. */
  readonly responseMs: number | undefined;
  /** Without anything in either direction. */
  readonly idleMs: number | undefined;
}

/** Tries beyond the first that anybody may ask for. */
export const mostRetries = 100;

/** Which answers are worth another try, and how often. */
export interface RetryRule {
  /** Tries beyond the first. */
  readonly maxRetries: number;
  /** Requests with a longer body are not tried again. */
  readonly maxRequestBytes: number;
  /** Inclusive ranges of HTTP statuses. */
  readonly statuses: readonly (readonly [from: number, to: number])[];
  /** gRPC statuses. */
  readonly grpcStatuses: ReadonlySet<number>;
  /** For one try; undefined: as long as it takes. */
  readonly tryTimeoutMs: number | undefined;
  readonly backOff: { readonly minMs: number; readonly maxMs: number; readonly jitter: number };
}

/** When a request that may be done twice goes to another endpoint, too. */
export interface HedgeRule {
  /** For how long there is no head of a response, in ms. */
  readonly afterMs: number;
  /** Such tries of one request. */
  readonly limit: number;
  /** Such tries for each request that may have one: 0.2 adds at most a fifth to the load. */
  readonly budgetRatio: number;
}

/** What a budget lets be tried again. */
export interface RetryBudgetOptions {
  /** Retries for each request: 0.2 adds at most a fifth to the load. */
  readonly ratio: number;
  /** Retries that there are always. */
  readonly minPerSecond: number;
  /** For how long a request counts, in ms. */
  readonly ttlMs: number;
}
