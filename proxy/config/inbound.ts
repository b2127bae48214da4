import type { ClientLimits } from '../accept/client-budgets.ts';
import type { EnvParser } from '../env-parser.ts';
import { type DefaultPolicy, defaultPolicies } from '../policy/inbound/default-policy.ts';
import type { SocketAddress } from '../wire/host-port.ts';
import { listenAddresses, portPairs, portSet, readIp, readPort } from './address.ts';
import { type SideConfig, shortestIdleMs, sideConfig } from './side.ts';

export interface InboundConfig extends SideConfig {
  /** `INBOUND_LISTEN_ADDR`. Default 0.0.0.0:4143. */
  readonly listen: readonly SocketAddress[];
  /**
   * `INBOUND_PORTS`: the workload's own ports, watched from the start. In explicit mode plain connections go to the
   * first, or nowhere.
   */
  readonly ports: readonly number[];
  /** `INBOUND_EXPLICIT_PORTS`: in explicit mode, the workload's port that each further listener stands for. */
  readonly explicitPorts: ReadonlyMap<number, number>;
  /** `INBOUND_IPS`: target addresses that are taken; connections to others are closed. Default: all. */
  readonly ips: ReadonlySet<string>;
  /** `INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION`: ports and ranges whose connections are opaque. */
  readonly opaquePorts: ReadonlySet<number>;
  /** `INBOUND_PORTS_REQUIRE_IDENTITY`: ports that take no client without an identity. */
  readonly requireIdentityPorts: ReadonlySet<number>;
  /** `INBOUND_PORTS_REQUIRE_TLS`: ports that take no client without the mesh's TLS, whatever policy says. */
  readonly requireTlsPorts: ReadonlySet<number>;
  /** `INBOUND_DEFAULT_POLICY`: in force where the control plane has said nothing. Default all-unauthenticated. */
  readonly defaultPolicy: DefaultPolicy;
  /** `INBOUND_DISCOVERY_IDLE_TIMEOUT`: how long the policy of a port that nothing uses is watched. Default 90 s, not below 100 ms. */
  readonly discoveryIdleMs: number;
  /** `MAX_IDLE_CONNS_PER_ENDPOINT` (also with `INBOUND_`): connections to the application. Default 10,000. */
  readonly maxIdlePerEndpoint: number;
  readonly clients: ClientLimits;
}

export function inboundConfig(env: EnvParser): InboundConfig {
  return {
    ...sideConfig(env, 'INBOUND', { connectMs: 300, failfastMs: 1000 }),
    listen: listenAddresses(env, 'INBOUND', '0.0.0.0:4143'),
    ports: env.list('INBOUND_PORTS', readPort, 'a port'),
    explicitPorts: portPairs(env, 'INBOUND_EXPLICIT_PORTS'),
    ips: new Set(env.list('INBOUND_IPS', readIp, 'an IP address')),
    opaquePorts: portSet(env, 'INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION'),
    requireIdentityPorts: portSet(env, 'INBOUND_PORTS_REQUIRE_IDENTITY'),
    requireTlsPorts: portSet(env, 'INBOUND_PORTS_REQUIRE_TLS'),
    defaultPolicy: env.choice('INBOUND_DEFAULT_POLICY', defaultPolicies, 'all-unauthenticated'),
    discoveryIdleMs: Math.max(shortestIdleMs, env.durationMs('INBOUND_DISCOVERY_IDLE_TIMEOUT', 90_000)),
    maxIdlePerEndpoint: maxIdlePerEndpoint(env),
    clients: clientLimits(env),
  };
}

/**
 * `INBOUND_CLIENT_*`: what one client may have, an address or an identity at an address. `MAX_CONNS` at once, default
 * 5,000; `MAX_IN_FLIGHT` requests, default 2,500; `CONNECTS`, `HANDSHAKES` and `RESETS` in a second, default 5,000, 100
 * and 50; `MAX_UNREAD_BYTES` that wait for it because it does not read, default 64 MiB. `INBOUND_MAX_UNREAD_BYTES`: of all
 * clients, default 192 MiB.
 */
function clientLimits(env: EnvParser): ClientLimits {
  return {
    connections: env.integer('INBOUND_CLIENT_MAX_CONNS', 5000, 1, 10_000_000),
    requests: env.integer('INBOUND_CLIENT_MAX_IN_FLIGHT', 2500, 1, 10_000_000),
    connectsPerSecond: env.integer('INBOUND_CLIENT_CONNECTS', 5000, 1, 10_000_000),
    handshakesPerSecond: env.integer('INBOUND_CLIENT_HANDSHAKES', 100, 1, 10_000_000),
    resetsPerSecond: env.integer('INBOUND_CLIENT_RESETS', 50, 1, 10_000_000),
    unreadBytes: env.integer('INBOUND_CLIENT_MAX_UNREAD_BYTES', 64 * mebibyte, 1, 2 ** 40),
    allUnreadBytes: env.integer('INBOUND_MAX_UNREAD_BYTES', 192 * mebibyte, 1, 2 ** 40),
  };
}

const mebibyte = 1024 * 1024;

/** Linkerd's name for it lacks the side. */
function maxIdlePerEndpoint(env: EnvParser): number {
  const linkerds = env.integer('MAX_IDLE_CONNS_PER_ENDPOINT', 10_000, 1, 1_000_000);
  return env.integer('INBOUND_MAX_IDLE_CONNS_PER_ENDPOINT', linkerds, 1, 1_000_000);
}
