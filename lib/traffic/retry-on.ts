import { grpcRetryConditions } from '../contract/grpc-statuses.ts';

/** How a gRPC call ended, as far as it may be tried again. */
export type GrpcRetryCondition = (typeof grpcRetryConditions)[number];

/**
 * Which answers have a request tried again (annotations `retry.linkerd.io/http` and `retry.linkerd.io/grpc`).
 *
 * ```ts
 * RetryOn.gatewayError().or(RetryOn.status(429))
 * ```
 */
export class RetryOn {
  /** Any status from 500 to 599. */
  static serverError(): RetryOn {
    return new RetryOn(['5xx'], []);
  }

  /** 502, 503 and 504: what proxies and load balancers answer for a server that they do not reach. */
  static gatewayError(): RetryOn {
    return new RetryOn(['gateway-error'], []);
  }

  /** These statuses alone. Throws for one that is not from 100 to 599, and for none. */
  static status(...statuses: number[]): RetryOn {
    if (statuses.length === 0) throw new Error("'status' () must name a status: RetryOn.status(502, 503)");
    for (const status of statuses) check(status, 'status');
    return new RetryOn(statuses.map(String), []);
  }

  /** Every status from `first` to `last`, both of them included. Throws when there is none between. */
  static statusRange(first: number, last: number): RetryOn {
    check(first, 'first');
    check(last, 'last');
    if (first > last) throw new Error(`'first' (${first}) must not be above 'last' (${last}): turn them round`);
    return new RetryOn([`${first}-${last}`], []);
  }

  /** Calls of gRPC that end so. Throws for a status that is not tried again, and for none. */
  static grpc(...conditions: GrpcRetryCondition[]): RetryOn {
    if (conditions.length === 0) throw new Error("'grpc' () must name a status: RetryOn.grpc('unavailable')");
    const wrong = conditions.find((condition) => !grpcRetryConditions.includes(condition));
    if (wrong !== undefined) throw new Error(`'grpc' (${wrong}) must be one of ${grpcRetryConditions.join(', ')}`);
    return new RetryOn([], conditions);
  }

  /** @internal Conditions of HTTP, as the annotation has them. */
  readonly _http: readonly string[];
  /** @internal Conditions of gRPC, as the annotation has them. */
  readonly _grpc: readonly string[];

  private constructor(http: readonly string[], grpc: readonly string[]) {
    this._http = [...new Set(http)];
    this._grpc = [...new Set(grpc)];
  }

  /** What fits this, or `other`. */
  or(other: RetryOn): RetryOn {
    return new RetryOn([...this._http, ...other._http], [...this._grpc, ...other._grpc]);
  }

  /** @internal The annotations that say it; those of the protocol of which nothing is said are left out. */
  _annotations(): Record<string, string> {
    return {
      ...(this._http.length === 0 ? {} : { 'retry.linkerd.io/http': this._http.join(',') }),
      ...(this._grpc.length === 0 ? {} : { 'retry.linkerd.io/grpc': this._grpc.join(',') }),
    };
  }
}

function check(status: number, name: string): void {
  if (Number.isInteger(status) && status >= 100 && status <= 599) return;
  throw new Error(`'${name}' (${status}) must be a status of HTTP from 100 to 599: 503 is 'Service Unavailable'`);
}
