import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';

/** Why the route of a connection leads to no endpoint. */
const refusals = ['forbidden', 'no route', 'no server name', 'no backend'] as const;
export type RouteRefusal = (typeof refusals)[number];

/** Why a connection got no endpoint. */
export type TcpFailure = PoolFailure | 'failfast' | RouteRefusal;

export const isRefusal = (reason: TcpFailure): reason is RouteRefusal =>
  (refusals as readonly string[]).includes(reason);

/** Why something got no endpoint, for a request and for an opaque connection. */
export interface Failing {
  readonly failure: ProxyFailure;
  readonly reason: TcpFailure;
  /** What happened, in words. */
  readonly detail: string;
}

export const failureOf: Record<PoolFailure, ProxyFailure> = {
  resolve: failures.connect,
  loop: failures.loop,
  connect: failures.connect,
  'connect timeout': failures.connectTimeout,
  tls: failures.identityRequired,
  overflow: failures.loadShed,
  timeout: failures.failfast,
  closed: failures.connect,
};

export function overflowing(waiting: number): Failing {
  return { failure: failures.loadShed, reason: 'overflow', detail: `${waiting} wait for an endpoint already` };
}

/** Why the endpoint that failed last did. */
export function lastCause(endpoints: Iterable<BalancedEndpoint>): BalancedEndpoint['failure'] {
  let last: BalancedEndpoint | undefined;
  for (const endpoint of endpoints) {
    if (endpoint.failure !== undefined && (last === undefined || endpoint.failedMs > last.failedMs)) last = endpoint;
  }
  return last?.failure;
}

/**
 * None of `size` endpoints of `target` came to be ready in time, of which circuit breakers hold `held` back, and the one
 * that failed last did by `cause`.
 */
export function noneReady(target: string, size: number, held: number, cause: BalancedEndpoint['failure']): Failing {
  const because = cause === undefined ? '' : `: ${cause.detail}`;
  const isOpen = held === 0 ? '' : `, the circuit breaker is open for ${held}`;
  const detail =
    size === 0
      ? `${target} has no endpoints`
      : `none of ${size} endpoints of ${target} became ready${isOpen}${because}`;
  return { failure: failures.failfast, reason: 'failfast', detail };
}
