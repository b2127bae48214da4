import type { EnvParser } from '../env-parser.ts';
import type { SocketAddress } from '../wire/host-port.ts';
import { listenAddresses } from './address.ts';
import { type SideConfig, sideConfig } from './side.ts';

export interface OutboundConfig extends SideConfig {
  /** `OUTBOUND_LISTEN_ADDRS`, else `OUTBOUND_LISTEN_ADDR`. Default 127.0.0.1:4140. */
  readonly listen: readonly SocketAddress[];
  /** `OUTBOUND_DISCOVERY_IDLE_TIMEOUT`: how long what nothing uses is looked up and kept connected. Default 5 s. */
  readonly discoveryIdleMs: number;
  /** `INGRESS_MODE`: requests go where `l5d-dst-override`, else their authority, says, not where they were sent to. */
  readonly ingressMode: boolean;
  /**
   * Whether meshed clients are told in `l5d-proxy-error` why a request failed. `OUTBOUND_DISABLE_INFORMATIONAL_HEADERS`
   * says no; so does ingress mode, whose clients are outside of the mesh, unless it is `false`.
   */
  readonly informationalHeaders: boolean;
  /**
   * HTTP/1 goes to meshed peers over HTTP/2, many requests on a connection; with `OUTBOUND_DISABLE_HTTP1_MULTIPLEXING`
   * over pooled connections of its own.
   */
  readonly http1OverHttp2: boolean;
  /**
   * `OUTBOUND_METRICS_HOSTNAME_LABELS`: metrics of routes tell requests apart by the host that they name, 100 of each rule
   * at the most. Default: no.
   */
  readonly metricsByHostname: boolean;
}

export function outboundConfig(env: EnvParser): OutboundConfig {
  const ingressMode = env.flag('INGRESS_MODE');
  return {
    ...sideConfig(env, 'OUTBOUND', { connectMs: 1000, failfastMs: 3000 }),
    listen: listenAddresses(env, 'OUTBOUND', '127.0.0.1:4140'),
    discoveryIdleMs: env.durationMs('OUTBOUND_DISCOVERY_IDLE_TIMEOUT', 5000),
    ingressMode,
    informationalHeaders: !env.flag('OUTBOUND_DISABLE_INFORMATIONAL_HEADERS', ingressMode),
    http1OverHttp2: !env.flag('OUTBOUND_DISABLE_HTTP1_MULTIPLEXING'),
    metricsByHostname: env.flag('OUTBOUND_METRICS_HOSTNAME_LABELS'),
  };
}
