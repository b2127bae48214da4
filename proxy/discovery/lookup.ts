import { create } from '@bufbuild/protobuf';
import { Destination, type DestinationProfile, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import type { Clock } from '../clock.ts';
import type { GrpcChannel } from '../control/grpc/grpc-channel.ts';
import { Watch } from '../control/watch.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { ProfileRoutes } from '../route/profile-routes.ts';
import type { Log } from '../telemetry/log.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { type DeclaredProtocol, type PolicySource, watchDeclaredProtocol } from './declared-protocol.ts';
import { EndpointSet, endpointInfo } from './endpoint-set.ts';
import type { TargetName } from './target-name.ts';

export interface LookupOptions {
  clock: Clock;
  channel: () => GrpcChannel;
  /** The context token: where this proxy stands. */
  context: string;
  log: Log;
  /** Where policies of targets are watched; undefined where there are none. */
  policy: PolicySource | undefined;
}

/** What a lookup finds, each time that it changes. */
export interface Resolution {
  /** Whether connections are opaque TCP. */
  onOpaque(opaque: boolean): void;
  /** What the target's policy says it speaks. */
  onProtocol(protocol: DeclaredProtocol): void;
  /** The routes that requests to `authority` are counted by; undefined when its profile has none. */
  onRoutes(authority: string, routes: ProfileRoutes | undefined): void;
  /** All endpoints of `authority`, the canonical `host:port`. */
  onEndpoints(authority: string, endpoints: readonly EndpointInfo[]): void;
  /** Discovery knows no such target. */
  onUnknown(): void;
}

/** Watches what the destination component says of one target: its profile, and the endpoints of its service. */
export class Lookup {
  private readonly name: TargetName;
  private readonly options: LookupOptions;
  private readonly resolution: Resolution;
  private readonly profile: { close(): void };
  private readonly policy: { close(): void } | undefined;
  private endpoints: { close(): void } | undefined = undefined;
  private authority: string;

  constructor(name: TargetName, options: LookupOptions, resolution: Resolution) {
    this.name = name;
    this.options = options;
    this.resolution = resolution;
    this.authority = formatHostPort(name.host, name.port);
    this.profile = new Watch({
      ...this.common(this.authority),
      method: Destination.method.getProfile,
      onMessage: (profile) => this.onProfile(profile),
      onRefused: (_code, detail) => {
        this.refused(detail);
        resolution.onOpaque(false);
        if (name.kind === 'ip') resolution.onUnknown();
      },
    });
    const { policy, clock } = options;
    if (policy === undefined) resolution.onProtocol('detect');
    this.policy =
      policy &&
      watchDeclaredProtocol(name, this.authority, policy, clock, (protocol) => resolution.onProtocol(protocol));
    if (name.kind === 'service') this.watchEndpoints();
  }

  close(): void {
    this.profile.close();
    this.policy?.close();
    this.endpoints?.close();
  }

  private onProfile(profile: DestinationProfile): void {
    this.resolution.onOpaque(profile.opaqueProtocol);
    const { routes, fullyQualifiedName } = profile;
    const authorityOfRoutes = formatHostPort(fullyQualifiedName || this.name.host, this.name.port);
    this.resolution.onRoutes(authorityOfRoutes, routes.length === 0 ? undefined : new ProfileRoutes(routes));
    if (this.name.kind !== 'ip') return;
    const endpoint = profile.endpoint === undefined ? undefined : endpointInfo(profile.endpoint, {});
    if (endpoint !== undefined || profile.fullyQualifiedName === '') {
      // What a Service that is gone had as endpoints is not the address's.
      this.endpoints?.close();
      this.endpoints = undefined;
    }
    if (endpoint !== undefined) this.resolution.onEndpoints(formatHostPort(this.name.host, this.name.port), [endpoint]);
    else if (profile.fullyQualifiedName === '') this.resolution.onUnknown();
    else {
      const authority = formatHostPort(profile.fullyQualifiedName, this.name.port);
      if (this.endpoints !== undefined && authority === this.authority) return;
      this.authority = authority;
      this.watchEndpoints();
    }
  }

  private watchEndpoints(): void {
    this.endpoints?.close();
    const { authority, resolution } = this;
    const set = new EndpointSet();
    // A stream that is opened again lists everything anew.
    let fresh = true;
    this.endpoints = new Watch({
      ...this.common(authority),
      method: Destination.method.get,
      onMessage: (update) => {
        set.apply(update, fresh);
        fresh = false;
        if (set.exists) resolution.onEndpoints(authority, [...set.endpoints]);
        else resolution.onUnknown();
      },
      onRefused: (_code, detail) => {
        this.refused(detail);
        fresh = true;
        resolution.onUnknown();
      },
      onLost: () => {
        fresh = true;
      },
    });
  }

  private common(path: string) {
    const { channel, clock, context } = this.options;
    const request = create(GetDestinationSchema, { path, contextToken: context });
    return { channel, timers: clock, random: clock.random, request };
  }

  private refused(detail: string): void {
    this.options.log.debug('discovery knows no such target', { target: this.authority, detail });
  }
}
