import type { Clock } from '../clock.ts';
import type { GrpcChannel } from '../control/grpc/grpc-channel.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { OutboundPolicy } from '../policy/outbound/model.ts';
import type { PolicySource } from '../policy/outbound/policy-watch.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import type { Log } from '../telemetry/log.ts';
import type { KnownTargets } from './known-targets.ts';

/**
 * How long the control plane has to answer before what an earlier lookup found is taken, in ms: less than a connection
 * waits to be told what its target speaks.
 */
export const recallAfterMs = 250;

export interface LookupOptions {
  clock: Clock;
  channel: () => GrpcChannel;
  /** The context token: where this proxy stands. */
  context: string;
  log: Log;
  /** Where policies of targets are watched; undefined where there are none. */
  policy: PolicySource | undefined;
  /** Addresses of this pod that are led to its proxy, as `formatIp` writes them. */
  ownAddresses: ReadonlySet<string>;
  /** What earlier lookups found. */
  known: KnownTargets;
}

/** What a lookup finds, each time that it changes. */
export interface Resolution {
  /** Whether connections are opaque TCP. */
  onOpaque(opaque: boolean): void;
  /** What the target's policy says: what it speaks, and its routes. They call the target `path`, `host:port`, as it was asked for. */
  onPolicy(policy: OutboundPolicy, path: string): void;
  /** The routes that requests to `authority` are counted by; undefined when its profile has none. */
  onRoutes(authority: string, routes: ProfileRoutes | undefined): void;
  /** All endpoints of `authority`, the canonical `host:port`. */
  onEndpoints(authority: string, endpoints: readonly EndpointInfo[]): void;
  /** Discovery knows no such target. */
  onUnknown(): void;
}
