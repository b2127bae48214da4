import type { Duration } from 'cdk8s';
import { trafficDurationMs } from '../contract/durations.ts';
import { annotationDuration, filled, refuse, texts, whole } from './checks.ts';
import { RetryOn } from './retry-on.ts';

/** Which requests are tried again, and how often. At least one is to be given. */
export interface RetryOptions {
  /**
   * What is tried again.
   *
   * @default - answers of 500 to 599; of a GrpcRoute, calls that end as `unavailable`
   */
  readonly on?: RetryOn;

  /**
   * Tries beyond the first.
   *
   * @default 1
   */
  readonly limit?: number;

  /**
   * How long a try may take before it is given up for the next.
   *
   * @default - as long as all of them may
   */
  readonly timeout?: Duration;
}

/** How long requests may take. At least one is to be given. */
export interface TimeoutOptions {
  /**
   * From the first byte of the request to the last of the response, with all tries.
   *
   * @default - no limit
   */
  readonly request?: Duration;

  /**
   * From the end of the request to the first byte of the response.
   *
   * @default - no limit
   */
  readonly response?: Duration;

  /**
   * Without a byte in either direction.
   *
   * @default - no limit
   */
  readonly idle?: Duration;
}

const allTries = 'timeout.linkerd.io/request';
const eachTry = 'retry.linkerd.io/timeout';

/**
 * The annotations of a route or Service that say it. `protocol`: that of the route's calls. Throws for what cannot be meant, and
 * for conditions of another protocol.
 */
export function retryAnnotations(
  { on, limit, timeout }: RetryOptions,
  protocol?: 'http' | 'grpc',
): Record<string, string> {
  if (on === undefined && limit === undefined && timeout === undefined) {
    throw new Error("'retries' () must say something: { on: RetryOn.gatewayError(), limit: 2 }");
  }
  const conditions = (on ?? (protocol === 'grpc' ? RetryOn.grpc('unavailable') : RetryOn.serverError()))._annotations();
  const other = protocol === undefined ? undefined : `retry.linkerd.io/${protocol === 'http' ? 'grpc' : 'http'}`;
  if (other !== undefined && conditions[other] !== undefined) {
    const fix = protocol === 'http' ? 'RetryOn.serverError()' : "RetryOn.grpc('unavailable')";
    refuse('on', conditions[other], `must be what the calls of this route end with: ${fix}`);
  }
  whole('limit', limit, 1, 65_535);
  return texts({
    ...conditions,
    'retry.linkerd.io/limit': limit,
    [eachTry]: timeout && annotationDuration('timeout', timeout),
  });
}

/** The same of timeouts. */
export function timeoutAnnotations({ request, response, idle }: TimeoutOptions): Record<string, string> {
  const given = filled({
    request: request && annotationDuration('request', request),
    response: response && annotationDuration('response', response),
    idle: idle && annotationDuration('idle', idle),
  });
  if (Object.keys(given).length === 0) {
    throw new Error("'timeouts' () must say something: { request: Duration.seconds(2) }");
  }
  for (const name of ['response', 'idle'] as const) {
    if (isLonger(given[name], given.request)) {
      refuse(name, given[name], `must not be longer than 'request' (${given.request}), which ends first: leave it out`);
    }
  }
  return texts(Object.fromEntries(Object.entries(given).map(([name, value]) => [`timeout.linkerd.io/${name}`, value])));
}

/** Fails where annotations give one try longer than all of them have. */
export function checkTries(annotations: ReadonlyMap<string, string>): void {
  const [each, all] = [annotations.get(eachTry), annotations.get(allTries)];
  if (!isLonger(each, all)) return;
  throw new Error(
    `'timeout' of retries (${each}) must not be longer than 'request' of timeouts (${all}), which ends first`,
  );
}

const isLonger = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined &&
  other !== undefined &&
  (trafficDurationMs.read(one) ?? 0) > (trafficDurationMs.read(other) ?? Number.POSITIVE_INFINITY);
