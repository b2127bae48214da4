import type { AccessLogFormat } from './access-log/entry.ts';
import { type DestinationConfig, destinationConfig, type PolicyConfig, policyConfig } from './config/discovery.ts';
import { identityConfig } from './config/identity.ts';
import { type InboundConfig, inboundConfig } from './config/inbound.ts';
import { type OutboundConfig, outboundConfig } from './config/outbound.ts';
import { type AdminConfig, adminConfig, coreLimits, httpDeadlines, shutdownGraceMs } from './config/process.ts';
import { type StatsdConfig, statsdConfig } from './config/statsd.ts';
import { type TapConfig, tapConfig } from './config/tap.ts';
import { accessLogFormat, type LogConfig, logConfig, metricsRetainIdleMs } from './config/telemetry.ts';
import { type TracingConfig, tracingConfig } from './config/tracing.ts';
import { type WithoutEffect, withoutEffect } from './config/without-effect.ts';
import { EnvParser } from './env-parser.ts';
import type { IdentityConfig } from './identity/identity-config.ts';
import type { Deadlines } from './wire/deadlines.ts';
import type { CoreLimits } from './workers/cores.ts';

export type { SideConfig } from './config/side.ts';
export type { ControlAddress } from './control/control-address.ts';
export type { SocketAddress } from './wire/host-port.ts';

/**
 * All that the proxy is told at start, by section; in `config/` each option stands with its variable, its default, and
 * what is done when it is over. Nothing else reads the environment.
 */
export interface ProxyConfig {
  /** `EXPLICIT_MODE`: targets come from requests and transport headers, nothing is intercepted. Default: no. */
  readonly explicit: boolean;
  readonly inbound: InboundConfig;
  readonly outbound: OutboundConfig;
  readonly admin: AdminConfig;
  readonly destination: DestinationConfig;
  readonly policy: PolicyConfig;
  /** Undefined: plaintext alone. */
  readonly identity: IdentityConfig | undefined;
  readonly tap: TapConfig;
  readonly log: LogConfig;
  readonly accessLog: 'off' | AccessLogFormat;
  /** Undefined: metrics are told to who asks for them alone. */
  readonly statsd: StatsdConfig | undefined;
  /** Undefined: nothing is traced. */
  readonly tracing: TracingConfig | undefined;
  readonly cores: CoreLimits;
  readonly metricsRetainIdleMs: number;
  readonly shutdownGraceMs: number;
  /** Of the HTTP connections that are accepted. */
  readonly deadlines: Deadlines;
  /** What was set and changes nothing. */
  readonly withoutEffect: readonly WithoutEffect[];
}

export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

const prefix = 'LINKERD2_PROXY_';

/**
 * Reads the configuration from `LINKERD2_PROXY_*` (names and defaults of linkerd/app/src/env.rs). Throws a ConfigError
 * that names every bad variable.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): ProxyConfig {
  const env = new EnvParser(environment, prefix);
  const config = {
    explicit: env.flag('EXPLICIT_MODE'),
    inbound: inboundConfig(env),
    outbound: outboundConfig(env),
    admin: adminConfig(env),
    destination: destinationConfig(env),
    policy: policyConfig(env),
    identity: identityConfig(env),
    tap: tapConfig(env),
    log: logConfig(env),
    accessLog: accessLogFormat(env),
    statsd: statsdConfig(env),
    tracing: tracingConfig(env, environment['OTEL_RESOURCE_ATTRIBUTES']),
    cores: coreLimits(env),
    metricsRetainIdleMs: metricsRetainIdleMs(env),
    shutdownGraceMs: shutdownGraceMs(env),
    deadlines: httpDeadlines(env),
  };
  const { tracing, identity } = config;
  if (tracing?.collector.serverName !== undefined && identity === undefined) {
    env.bad(
      'TRACE_COLLECTOR_SVC_NAME',
      tracing.collector.serverName,
      'needs identity, which is disabled: leave it out',
    );
  }
  if (env.problems.length > 0) throw new ConfigError(env.problems);
  return { ...config, withoutEffect: withoutEffect(environment, prefix, env.read) };
}
