import type { EnvParser } from '../env-parser.ts';
import type { KeepAliveTimes } from '../keep-alive.ts';
import type { SocketOptions } from '../net/socket-options.ts';

/** What both sides have. Each variable begins with `INBOUND_` or `OUTBOUND_`; where two defaults stand, inbound's is first. */
export interface SideConfig {
  /** `DETECT_TIMEOUT`: for the first bytes of a connection; then it is opaque. Default 10 s. */
  readonly detectTimeoutMs: number;
  /** `CONNECT_TIMEOUT`: until TCP is connected and TLS established; then the dial has failed. Default 300 ms, 1 s. */
  readonly connectTimeoutMs: number;
  /** `HTTP_FAILFAST_TIMEOUT`: without an endpoint that is ready; then requests fail at once. Default 1 s, 3 s. */
  readonly failfastMs: number;
  /** `HTTP1_CONNECTION_POOL_IDLE_TIMEOUT`: an HTTP/1 connection that nobody used is closed. Default 3 s, not below 100 ms. */
  readonly http1IdleMs: number;
  /** `ACCEPT_KEEPALIVE`, `ACCEPT_USER_TIMEOUT`: of accepted connections. Default: those of the system. */
  readonly acceptOptions: SocketOptions;
  /** `CONNECT_KEEPALIVE`, `CONNECT_USER_TIMEOUT`: of opened ones. Default: those of the system. */
  readonly connectOptions: SocketOptions;
  /**
   * `SERVER_HTTP2_KEEP_ALIVE_INTERVAL` and `..._TIMEOUT`: of HTTP/2 connections that are accepted; a client that gives
   * no sign of life is cut off. Default: undefined, clients are not asked.
   */
  readonly serverKeepAlive: KeepAliveTimes | undefined;
  /** `CLIENT_HTTP2_KEEP_ALIVE_INTERVAL` and `..._TIMEOUT`: of those to endpoints. Default 10 s and 3 s; 0 for none. */
  readonly clientKeepAlive: KeepAliveTimes | undefined;
  /** `MAX_IN_FLIGHT`: requests under way; what comes beyond is answered 503. Default 100,000. */
  readonly maxInFlight: number;
  /** `HTTP_QUEUE_CAPACITY`: requests that wait for an endpoint; what comes beyond is answered 503. Default 10,000. */
  readonly queueCapacity: number;
}

/** What is idle is looked for this often at the most. */
export const shortestIdleMs = 100;

export function sideConfig(
  env: EnvParser,
  side: 'INBOUND' | 'OUTBOUND',
  defaults: { readonly connectMs: number; readonly failfastMs: number },
): SideConfig {
  const idleMs = env.durationMs(`${side}_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT`, 3000);
  return {
    detectTimeoutMs: env.durationMs(`${side}_DETECT_TIMEOUT`, 10_000),
    connectTimeoutMs: env.durationMs(`${side}_CONNECT_TIMEOUT`, defaults.connectMs),
    failfastMs: env.durationMs(`${side}_HTTP_FAILFAST_TIMEOUT`, defaults.failfastMs),
    http1IdleMs: Math.max(shortestIdleMs, idleMs),
    acceptOptions: socketOptions(env, `${side}_ACCEPT`),
    connectOptions: socketOptions(env, `${side}_CONNECT`),
    serverKeepAlive: keepAlive(env, `${side}_SERVER_HTTP2`, { intervalMs: 0, timeoutMs: 0 }),
    clientKeepAlive: keepAlive(env, `${side}_CLIENT_HTTP2`, { intervalMs: 10_000, timeoutMs: 3000 }),
    maxInFlight: env.integer(`${side}_MAX_IN_FLIGHT`, 100_000, 1, 10_000_000),
    queueCapacity: env.integer(`${side}_HTTP_QUEUE_CAPACITY`, 10_000, 1, 10_000_000),
  };
}

function socketOptions(env: EnvParser, name: string): SocketOptions {
  return {
    keepAliveMs: env.durationMs(`${name}_KEEPALIVE`, 0) || undefined,
    userTimeoutMs: env.durationMs(`${name}_USER_TIMEOUT`, 0) || undefined,
  };
}

function keepAlive(env: EnvParser, name: string, defaults: KeepAliveTimes): KeepAliveTimes | undefined {
  const intervalMs = env.durationMs(`${name}_KEEP_ALIVE_INTERVAL`, defaults.intervalMs);
  const timeoutMs = env.durationMs(`${name}_KEEP_ALIVE_TIMEOUT`, defaults.timeoutMs);
  return intervalMs > 0 && timeoutMs > 0 ? { intervalMs, timeoutMs } : undefined;
}
