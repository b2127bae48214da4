import type { EnvParser } from '../env-parser.ts';
import { type Deadlines, defaultDeadlines } from '../wire/deadlines.ts';
import type { SocketAddress } from '../wire/host-port.ts';
import type { CoreLimits } from '../workers/cores.ts';
import { listenAddresses } from './address.ts';

export interface AdminConfig {
  /** `ADMIN_LISTEN_ADDR`. Default 127.0.0.1:4191. */
  readonly listen: readonly SocketAddress[];
  /** `SHUTDOWN_ENDPOINT_ENABLED`: whether POST /shutdown ends the proxy. Default: no, it is not found. */
  readonly shutdownEnabled: boolean;
}

export function adminConfig(env: EnvParser): AdminConfig {
  return {
    listen: listenAddresses(env, 'ADMIN', '127.0.0.1:4191'),
    shutdownEnabled: env.flag('SHUTDOWN_ENDPOINT_ENABLED'),
  };
}

/** `CORES_MAX`, else `CORES`; `CORES_MIN`; `CORES_MAX_RATIO`. Default one core. */
export function coreLimits(env: EnvParser): CoreLimits {
  const [max, cores] = ['CORES_MAX', 'CORES'].map((name) =>
    env.text(name) === undefined ? undefined : env.integer(name, 1, 1, 1024),
  );
  const ratio = env.text('CORES_MAX_RATIO');
  const maxRatio = ratio === undefined ? undefined : Number(ratio);
  if (maxRatio !== undefined && !(maxRatio > 0 && maxRatio <= 1)) {
    env.bad('CORES_MAX_RATIO', ratio, 'must be above 0 and at most 1');
  }
  return { max: max ?? cores, min: env.integer('CORES_MIN', 1, 1, 1024), maxRatio };
}

/** `SHUTDOWN_GRACE_PERIOD`: for what is under way when the proxy is to end; then it is cut off. Default 2 minutes. */
export const shutdownGraceMs = (env: EnvParser): number => env.durationMs('SHUTDOWN_GRACE_PERIOD', 120_000);

/**
 * `HTTP_HEAD_TIMEOUT`, `HTTP_STALL_TIMEOUT`, `HTTP_IDLE_TIMEOUT`: of the HTTP connections that are accepted. Default 30 s,
 * 5 minutes, an hour.
 */
export const httpDeadlines = (env: EnvParser): Deadlines => ({
  headMs: env.durationMs('HTTP_HEAD_TIMEOUT', defaultDeadlines.headMs),
  stallMs: env.durationMs('HTTP_STALL_TIMEOUT', defaultDeadlines.stallMs),
  closeMs: defaultDeadlines.closeMs,
  idleMs: env.durationMs('HTTP_IDLE_TIMEOUT', defaultDeadlines.idleMs),
});
