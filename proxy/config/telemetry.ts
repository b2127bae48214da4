import type { AccessLogFormat } from '../access-log/entry.ts';
import type { EnvParser } from '../env-parser.ts';
import { logThreshold } from '../telemetry/log-filter.ts';

export interface LogConfig {
  /** `LOG`: directives such as `warn,linkerd=info`, which is the default. */
  readonly filter: string;
  /** `LOG_FORMAT`. Default plain. */
  readonly format: 'plain' | 'json';
}

export function logConfig(env: EnvParser): LogConfig {
  return { filter: logFilter(env), format: env.choice('LOG_FORMAT', ['plain', 'json'], 'plain') };
}

/** `ACCESS_LOG`: a line on standard error for each request that comes in. Default off. */
export const accessLogFormat = (env: EnvParser): 'off' | AccessLogFormat =>
  env.choice('ACCESS_LOG', ['off', 'apache', 'json'], 'off');

/** `METRICS_RETAIN_IDLE`: how long series that nothing holds or uses are shown. Default 10 minutes. */
export const metricsRetainIdleMs = (env: EnvParser): number => env.durationMs('METRICS_RETAIN_IDLE', 600_000);

function logFilter(env: EnvParser): string {
  const filter = env.text('LOG') ?? 'warn,linkerd=info';
  try {
    logThreshold(filter);
    return filter;
  } catch (error) {
    env.bad('LOG', filter, `must be directives such as warn,linkerd=info: ${(error as Error).message}`);
    return 'info';
  }
}
