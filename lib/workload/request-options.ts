import type { Duration } from 'cdk8s';
import { milliseconds, wholeNumberIn } from '../policy/checks.ts';
import type { RetryOn } from '../traffic/retry-on.ts';

/** Which requests are tried again, and how often. */
export interface RetryOptions {
  /**
   * Which answers have a request tried again.
   *
   * @default - statuses from 500 to 599 of HTTP
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

/** The annotations of a Service or route that say it. Throws for what cannot be meant. */
export function retryAnnotations({ on, limit, timeout }: RetryOptions): Record<string, string> {
  const ms = positive('timeout', timeout);
  const tries = wholeNumberIn('limit', limit, 1, 65_535);
  if (on === undefined && tries === undefined && ms === undefined) {
    throw new Error("'retries' () must say something: { on: RetryOn.gatewayError(), limit: 2 }");
  }
  const conditions = on ?? { _annotations: () => ({ 'retry.linkerd.io/http': '5xx' }) };
  return {
    ...conditions._annotations(),
    ...(tries === undefined ? {} : { 'retry.linkerd.io/limit': `${tries}` }),
    ...(ms === undefined ? {} : { 'retry.linkerd.io/timeout': `${ms}ms` }),
  };
}

/** The same of timeouts. */
export function timeoutAnnotations({ request, response, idle }: TimeoutOptions): Record<string, string> {
  const ms = {
    request: positive('request', request),
    response: positive('response', response),
    idle: positive('idle', idle),
  };
  for (const name of ['response', 'idle'] as const) {
    const value = ms[name];
    if (ms.request !== undefined && value !== undefined && value > ms.request) {
      throw new Error(
        `'${name}' (${value}ms) must not be longer than 'request' (${ms.request}ms), which ends first: leave it out`,
      );
    }
  }
  const given = Object.entries(ms).filter(([, value]) => value !== undefined);
  if (given.length === 0) {
    throw new Error("'timeouts' () must say something: { request: Duration.seconds(2) }");
  }
  return Object.fromEntries(given.map(([name, value]) => [`timeout.linkerd.io/${name}`, `${value}ms`]));
}

function positive(name: string, value: Duration | undefined): number | undefined {
  const ms = milliseconds(name, value);
  if (ms === 0) throw new Error(`'${name}' (0ms) must be more than 0: leave it out for no limit`);
  return ms;
}
