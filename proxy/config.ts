import { EnvParser } from './env-parser.ts';
import type { KeepAliveTimes } from './keep-alive.ts';
import type { SocketOptions } from './net/socket-options.ts';
import { type DefaultPolicy, defaultPolicies } from './policy/inbound/default-policy.ts';
import { logThreshold } from './telemetry/log-filter.ts';
import { type Deadlines, defaultDeadlines } from './wire/deadlines.ts';
import { formatIp, IpNetwork, parseIp } from './wire/ip-network.ts';
import type { CoreLimits } from './workers/cores.ts';

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** A component of the control plane: where it is, and the identity it must prove; plaintext when that is undefined. */
export interface ControlAddress extends SocketAddress {
  readonly serverName: string | undefined;
}

export interface SideConfig {
  readonly detectTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly failfastMs: number;
  readonly http1IdleMs: number;
  /** Options of accepted and of opened connections. */
  readonly acceptOptions: SocketOptions;
  readonly connectOptions: SocketOptions;
  /** Of HTTP/2 connections that are accepted; undefined when peers are never asked for a sign of life. */
  readonly serverKeepAlive: KeepAliveTimes | undefined;
  /** Of HTTP/2 connections to endpoints. */
  readonly clientKeepAlive: KeepAliveTimes | undefined;
  readonly maxInFlight: number;
  readonly queueCapacity: number;
}

export interface IdentityConfig {
  readonly address: ControlAddress;
  readonly localName: string;
  readonly tokenFile: string;
  /** PEM, one or more. */
  readonly trustAnchors: string;
  readonly minRefreshMs: number;
  readonly maxRefreshMs: number;
}

/** All that the proxy is told at start. Nothing else reads the environment. */
export interface ProxyConfig {
  /** No interception: targets come from requests and transport headers, not from SO_ORIGINAL_DST. */
  readonly explicit: boolean;
  readonly inbound: SideConfig & {
    readonly listen: readonly SocketAddress[];
    /** The workload's own ports, watched from the start. In explicit mode plain connections go to the first, or nowhere. */
    readonly ports: readonly number[];
    /** In explicit mode, the workload's port that each further listener stands for. */
    readonly explicitPorts: ReadonlyMap<number, number>;
    /** Target addresses that are taken; all, when there is none. */
    readonly ips: ReadonlySet<string>;
    readonly opaquePorts: ReadonlySet<number>;
    readonly requireIdentityPorts: ReadonlySet<number>;
    readonly defaultPolicy: DefaultPolicy;
    readonly maxIdlePerEndpoint: number;
  };
  readonly outbound: SideConfig & {
    readonly listen: readonly SocketAddress[];
    readonly discoveryIdleMs: number;
    /** Whether meshed clients are told in `l5d-proxy-error` why a request failed. */
    readonly informationalHeaders: boolean;
    /** HTTP/1 goes to meshed peers over HTTP/2, many requests on a connection; else over pooled connections of its own. */
    readonly http1OverHttp2: boolean;
    /** Requests say themselves where they go, wherever the application connected to: it is an ingress. */
    readonly ingressMode: boolean;
  };
  readonly admin: { readonly listen: readonly SocketAddress[]; readonly shutdownEnabled: boolean };
  readonly destination: {
    readonly address: ControlAddress;
    readonly context: string;
    /** Namespace of this workload, from the context; completes short names in explicit mode. */
    readonly namespace: string;
    /** `svc.cluster.local` */
    readonly serviceSuffix: string;
    readonly networks: readonly IpNetwork[];
    /** How long a connection waits to be told what its target speaks. */
    readonly initialTimeoutMs: number;
  };
  readonly policy: {
    readonly address: ControlAddress | undefined;
    readonly workload: string;
    readonly clusterNetworks: readonly IpNetwork[];
  };
  readonly identity: IdentityConfig | undefined;
  readonly log: { readonly filter: string; readonly format: 'plain' | 'json' };
  readonly cores: CoreLimits;
  readonly metricsRetainIdleMs: number;
  readonly shutdownGraceMs: number;
  /** Of the HTTP connections that are accepted. */
  readonly deadlines: Deadlines;
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
  const explicit = env.flag('EXPLICIT_MODE');
  const disabled = environment[`${prefix}IDENTITY_DISABLED`] !== undefined;
  const context = env.text('DESTINATION_CONTEXT') ?? '{}';
  const config: ProxyConfig = {
    explicit,
    inbound: {
      ...side(env, 'INBOUND', { connectMs: 300, failfastMs: 1000 }),
      listen: listenAddresses(env, 'INBOUND', '0.0.0.0:4143'),
      ports: env.list('INBOUND_PORTS', readPort, 'a port'),
      explicitPorts: new Map(
        env.list('INBOUND_EXPLICIT_PORTS', readPortPair, 'a listener and its port such as 14143=8080'),
      ),
      ips: new Set(env.list('INBOUND_IPS', readIp, 'an IP address')),
      opaquePorts: portSet(env, 'INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION'),
      requireIdentityPorts: portSet(env, 'INBOUND_PORTS_REQUIRE_IDENTITY'),
      defaultPolicy: env.choice('INBOUND_DEFAULT_POLICY', defaultPolicies, 'all-unauthenticated'),
      maxIdlePerEndpoint: env.integer('INBOUND_MAX_IDLE_CONNS_PER_ENDPOINT', 10_000, 1, 1_000_000),
    },
    outbound: {
      ...side(env, 'OUTBOUND', { connectMs: 1000, failfastMs: 3000 }),
      listen: listenAddresses(env, 'OUTBOUND', '127.0.0.1:4140'),
      discoveryIdleMs: env.durationMs('OUTBOUND_DISCOVERY_IDLE_TIMEOUT', 5000),
      informationalHeaders: !env.flag('OUTBOUND_DISABLE_INFORMATIONAL_HEADERS'),
      http1OverHttp2: !env.flag('OUTBOUND_DISABLE_HTTP1_MULTIPLEXING'),
      ingressMode: env.flag('INGRESS_MODE'),
    },
    admin: {
      listen: listenAddresses(env, 'ADMIN', '127.0.0.1:4191'),
      shutdownEnabled: env.flag('SHUTDOWN_ENDPOINT_ENABLED'),
    },
    destination: {
      address: controlAddress(env, 'DESTINATION', 'where services are looked up') ?? {
        host: '',
        port: 0,
        serverName: undefined,
      },
      context,
      namespace: namespaceOf(env, context),
      serviceSuffix: (env.text('DESTINATION_PROFILE_SUFFIXES') ?? 'svc.cluster.local.')
        .split(',')[0]
        .replace(/\.$/, ''),
      networks: networks(env, 'DESTINATION_PROFILE_NETWORKS', '0.0.0.0/0,::/0'),
      initialTimeoutMs: env.durationMs('DESTINATION_PROFILE_INITIAL_TIMEOUT', 500),
    },
    policy: {
      address: env.text('POLICY_SVC_ADDR') ? controlAddress(env, 'POLICY', 'where policy is watched') : undefined,
      workload: env.text('POLICY_WORKLOAD') ?? '',
      clusterNetworks: networks(
        env,
        'POLICY_CLUSTER_NETWORKS',
        '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16',
      ),
    },
    identity: disabled ? undefined : identity(env),
    log: { filter: logFilter(env), format: env.choice('LOG_FORMAT', ['plain', 'json'], 'plain') },
    cores: cores(env),
    metricsRetainIdleMs: env.durationMs('METRICS_RETAIN_IDLE', 600_000),
    shutdownGraceMs: env.durationMs('SHUTDOWN_GRACE_PERIOD', 120_000),
    deadlines: {
      headMs: env.durationMs('HTTP_HEAD_TIMEOUT', defaultDeadlines.headMs),
      stallMs: env.durationMs('HTTP_STALL_TIMEOUT', defaultDeadlines.stallMs),
      closeMs: defaultDeadlines.closeMs,
    },
  };
  if (env.problems.length > 0) throw new ConfigError(env.problems);
  return config;
}

function side(
  env: EnvParser,
  name: 'INBOUND' | 'OUTBOUND',
  defaults: { connectMs: number; failfastMs: number },
): SideConfig {
  return {
    detectTimeoutMs: env.durationMs(`${name}_DETECT_TIMEOUT`, 10_000),
    connectTimeoutMs: env.durationMs(`${name}_CONNECT_TIMEOUT`, defaults.connectMs),
    failfastMs: env.durationMs(`${name}_HTTP_FAILFAST_TIMEOUT`, defaults.failfastMs),
    http1IdleMs: env.durationMs(`${name}_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT`, 3000),
    acceptOptions: socketOptions(env, `${name}_ACCEPT`),
    connectOptions: socketOptions(env, `${name}_CONNECT`),
    serverKeepAlive: keepAlive(env, `${name}_SERVER_HTTP2`, { intervalMs: 0, timeoutMs: 0 }),
    clientKeepAlive: keepAlive(env, `${name}_CLIENT_HTTP2`, { intervalMs: 10_000, timeoutMs: 3000 }),
    maxInFlight: env.integer(`${name}_MAX_IN_FLIGHT`, 100_000, 1, 10_000_000),
    queueCapacity: env.integer(`${name}_HTTP_QUEUE_CAPACITY`, 10_000, 1, 10_000_000),
  };
}

function cores(env: EnvParser): CoreLimits {
  const maxName = env.text('CORES_MAX') !== undefined ? 'CORES_MAX' : 'CORES';
  const ratio = env.text('CORES_MAX_RATIO');
  const maxRatio = ratio === undefined ? undefined : Number(ratio);
  if (maxRatio !== undefined && !(maxRatio > 0 && maxRatio <= 1)) {
    env.bad('CORES_MAX_RATIO', ratio, 'must be above 0 and at most 1');
  }
  return {
    max: env.text(maxName) === undefined ? undefined : env.integer(maxName, 1, 1, 1024),
    min: env.integer('CORES_MIN', 1, 1, 1024),
    maxRatio,
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

function identity(env: EnvParser): IdentityConfig {
  const trustAnchors = env.required('IDENTITY_TRUST_ANCHORS', 'the PEM certificates that peers are checked against');
  if (trustAnchors !== '' && !trustAnchors.includes('-----BEGIN CERTIFICATE-----')) {
    env.bad('IDENTITY_TRUST_ANCHORS', undefined, 'must be PEM certificates');
  }
  return {
    address: controlAddress(env, 'IDENTITY', 'where certificates are issued') ?? {
      host: '',
      port: 0,
      serverName: undefined,
    },
    localName:
      env.text('IDENTITY_LOCAL_NAME') ??
      env.required('IDENTITY_SERVER_NAME', "this workload's identity (or IDENTITY_LOCAL_NAME)"),
    tokenFile: env.required('IDENTITY_TOKEN_FILE', "the file with the workload's service account token"),
    trustAnchors,
    minRefreshMs: env.durationMs('IDENTITY_MIN_REFRESH', 10_000),
    maxRefreshMs: env.durationMs('IDENTITY_MAX_REFRESH', 86_400_000),
  };
}

function listenAddresses(env: EnvParser, name: string, fallback: string): SocketAddress[] {
  const variable = env.text(`${name}_LISTEN_ADDRS`) !== undefined ? `${name}_LISTEN_ADDRS` : `${name}_LISTEN_ADDR`;
  const addresses = env.list(variable, readIpAndPort, 'an IP address and port such as 127.0.0.1:4140');
  return addresses.length > 0 ? addresses : [readIpAndPort(fallback)!];
}

function controlAddress(env: EnvParser, name: string, purpose: string): ControlAddress | undefined {
  const text = env.required(`${name}_SVC_ADDR`, purpose);
  if (text === '') return undefined;
  const address = splitHostPort(text);
  if (address === undefined) {
    env.bad(
      `${name}_SVC_ADDR`,
      text,
      'must be a host and port such as tulle-dst-headless.tulle.svc.cluster.local.:8086',
    );
    return undefined;
  }
  const serverName = env.text(`${name}_SVC_NAME`);
  const local = /^(localhost\.?|127\.\d+\.\d+\.\d+|::1)$/.test(address.host);
  if (serverName === undefined && !local) {
    env.bad(
      `${name}_SVC_NAME`,
      undefined,
      `must be set: ${address.host} is not this host, so it has to prove its identity`,
    );
  }
  return { ...address, serverName };
}

function namespaceOf(env: EnvParser, context: string): string {
  try {
    const value: unknown = JSON.parse(context);
    if (typeof value === 'object' && value !== null) {
      const { ns } = value as { ns?: unknown };
      return typeof ns === 'string' ? ns : '';
    }
  } catch {
    // Told below, like any other form that is not the one expected.
  }
  if (context.startsWith('ns:')) return context.slice(3);
  env.bad('DESTINATION_CONTEXT', context, 'must be JSON such as {"ns":"shop","nodeName":"node-1","pod":"web-1"}');
  return '';
}

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

const networks = (env: EnvParser, name: string, fallback: string): IpNetwork[] =>
  env.text(name) === undefined
    ? fallback.split(',').map((network) => IpNetwork.parse(network)!)
    : env.list(name, (text) => IpNetwork.parse(text), 'a network such as 10.0.0.0/8');

function portSet(env: EnvParser, name: string): Set<number> {
  const ranges = env.list(name, readPortRange, 'a port or a range such as 3306 or 9200-9300');
  return new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)));
}

function readPortRange(text: string): [number, number] | undefined {
  const [from, to = from] = text.split('-').map(readPort);
  return from === undefined || to === undefined || to < from ? undefined : [from, to];
}

function readPortPair(text: string): [number, number] | undefined {
  const [listener, port] = text.split('=').map(readPort);
  return listener === undefined || port === undefined ? undefined : [listener, port];
}

function readPort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port <= 65_535 ? port : undefined;
}

/** As `formatIp` writes it, so that addresses can be compared as text. */
function readIp(text: string): string | undefined {
  const ip = parseIp(text);
  return ip === undefined ? undefined : formatIp(ip);
}

function readIpAndPort(text: string): SocketAddress | undefined {
  const address = splitHostPort(text);
  return address !== undefined && parseIp(address.host) !== undefined ? address : undefined;
}

/** Splits `host:port` and `[ipv6]:port`. Undefined when there is no valid port. */
export function splitHostPort(text: string): SocketAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  return port <= 65_535 ? { host: match[1] ?? match[2], port } : undefined;
}
