import { create } from '@bufbuild/protobuf';
import { Destination, type DestinationProfile, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import type { TimerHandle } from '../clock.ts';
import { Watch } from '../control/watch.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { noPolicy, type OutboundPolicy } from '../policy/outbound/model.ts';
import { watchOutboundPolicy } from '../policy/outbound/policy-watch.ts';
import { ProfileRoutes } from '../route/profile-routes.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { EndpointReader } from './endpoint-from-api.ts';
import type { KnownTarget } from './known-targets.ts';
import { type LookupOptions, type Resolution, recallAfterMs } from './resolution.ts';
import { watchServiceEndpoints } from './service-endpoints.ts';

/** One name: an address, or a fully qualified service name. */
export interface Name {
  readonly kind: 'ip' | 'service';
  readonly host: string;
  readonly port: number;
}

/**
 * Watches what the destination component says of one name: its profile, and the endpoints of its service.
 *
 * What is known holds until the control plane says something else. A stream that breaks changes nothing, and where
 * nobody answers from the start, what an earlier lookup found holds until somebody does.
 */
export class NameLookup {
  private readonly name: Name;
  private readonly options: LookupOptions;
  private readonly resolution: Resolution;
  private readonly reader: EndpointReader;
  private readonly profile: Watch<typeof GetDestinationSchema, typeof Destination.method.getProfile.output>;
  private readonly policy: { close(): void } | undefined;
  private endpoints: { readonly isLive: boolean; close(): void } | undefined = undefined;
  private authority: string;
  private hasNoPolicy = false;
  /** What the control plane has said so far. */
  readonly found: KnownTarget = {};
  private recallTimer: TimerHandle;

  constructor(name: Name, options: LookupOptions, resolution: Resolution) {
    this.name = name;
    this.options = options;
    this.resolution = resolution;
    this.authority = formatHostPort(name.host, name.port);
    const { policy, clock, log, ownAddresses } = options;
    this.reader = new EndpointReader(ownAddresses, (address, why) =>
      log.warn('endpoint left out, since it cannot be used as it is described', {
        target: this.authority,
        address,
        why,
      }),
    );
    this.recallTimer = clock.after(recallAfterMs, () => this.recall());
    this.profile = new Watch({
      ...this.common(this.authority),
      method: Destination.method.getProfile,
      onMessage: (profile) => this.onProfile(profile),
      onRefused: (_code, detail) => this.onProfileRefused(detail),
    });
    if (policy === undefined) this.tellPolicy(noPolicy);
    this.policy =
      policy &&
      watchOutboundPolicy(name, this.authority, policy, clock, {
        onPolicy: (told) => {
          this.hasNoPolicy = false;
          this.tellPolicy(told);
        },
        onNone: () => {
          this.hasNoPolicy = true;
          this.dropPolicy();
        },
        onUnread: ({ kind, name }, why) =>
          log.warn('requests that may be of a route have none, since it cannot be read', {
            target: this.authority,
            route: `${kind}/${name}`,
            why,
          }),
      });
    if (name.kind === 'service') this.watchEndpoints();
  }

  /** Whether the control plane answers now. */
  get isLive(): boolean {
    return this.profile.isLive && (this.endpoints?.isLive ?? true);
  }

  /** The target is known, and nobody could be asked for it again: it is not to be given up for being idle. */
  get mustBeKept(): boolean {
    return this.found.endpoints !== undefined && !this.isLive;
  }

  /** What discovery is asked for. */
  get path(): string {
    return formatHostPort(this.name.host, this.name.port);
  }

  close(): void {
    this.options.clock.cancel(this.recallTimer);
    this.profile.close();
    this.policy?.close();
    this.endpoints?.close();
    this.options.known.remember(this.path, this.found);
  }

  private onProfile(profile: DestinationProfile): void {
    const { routes, dstOverrides, fullyQualifiedName } = profile;
    // What waits goes on when it is known whether the target is opaque: by then its routes must be.
    this.tellRoutes(
      formatHostPort(fullyQualifiedName || this.name.host, this.name.port),
      routes.length + dstOverrides.length === 0
        ? undefined
        : new ProfileRoutes(profile, (route, why) =>
            this.options.log.warn('route of a profile left out', { target: this.authority, route, why }),
          ),
    );
    this.tellOpaque(profile.opaqueProtocol);
    if (this.name.kind !== 'ip') return;
    if (profile.endpoint !== undefined || fullyQualifiedName === '') {
      // What a Service that is gone had as endpoints is not the address's.
      this.endpoints?.close();
      this.endpoints = undefined;
    }
    if (profile.endpoint !== undefined) {
      const endpoint = this.reader.read(profile.endpoint, {});
      this.tellEndpoints(
        formatHostPort(this.name.host, this.name.port),
        // One that cannot be used is none: the address in plaintext would be another.
        endpoint === undefined ? [] : [endpoint],
      );
    } else if (fullyQualifiedName === '') this.tellUnknown();
    else {
      const authority = formatHostPort(fullyQualifiedName, this.name.port);
      if (this.endpoints !== undefined && authority === this.authority) return;
      this.authority = authority;
      this.watchEndpoints();
    }
  }

  private onProfileRefused(detail: string): void {
    this.refused(detail);
    if (this.name.kind === 'ip') {
      this.endpoints?.close();
      this.endpoints = undefined;
      this.tellOpaque(false);
      this.tellUnknown();
    } else if (this.found.opaque === undefined) this.tellOpaque(false);
  }

  private watchEndpoints(): void {
    this.endpoints?.close();
    const { authority } = this;
    this.endpoints = watchServiceEndpoints({ path: authority, allZones: false }, this.reader, this.options, {
      onEndpoints: (infos) => this.tellEndpoints(authority, infos),
      onUnknown: (detail) => {
        if (detail !== '') this.refused(detail);
        this.tellUnknown();
      },
      onLost: () => this.recall(),
    });
  }

  /** Takes what an earlier lookup found for what nobody has spoken of. */
  private recall(): void {
    const known = this.options.known.recall(this.path);
    if (known === undefined) return;
    const { found } = this;
    if (found.routes === undefined && known.routes !== undefined)
      this.tellRoutes(known.routes.authority, known.routes.routes);
    if (found.opaque === undefined && known.opaque !== undefined) this.tellOpaque(known.opaque);
    if (found.policy === undefined && known.policy !== undefined) this.tellPolicy(known.policy);
    if (found.endpoints !== undefined || known.endpoints === undefined) return;
    if (known.endpoints === 'unknown') this.tellUnknown();
    else this.tellEndpoints(known.endpoints.authority, known.endpoints.infos);
  }

  private tellOpaque(opaque: boolean): void {
    this.found.opaque = opaque;
    this.resolution.onOpaque(opaque);
  }

  private tellPolicy(policy: OutboundPolicy): void {
    this.found.policy = policy;
    this.resolution.onPolicy(policy, this.path);
  }

  private tellRoutes(authority: string, routes: ProfileRoutes | undefined): void {
    this.found.routes = { authority, routes };
    this.resolution.onRoutes(authority, routes);
  }

  private tellEndpoints(authority: string, infos: readonly EndpointInfo[]): void {
    this.found.endpoints = { authority, infos };
    this.resolution.onEndpoints(authority, infos);
  }

  /** How a target is treated is forgotten with the target only, not because its policy is not found. */
  private dropPolicy(): void {
    const { policy, endpoints } = this.found;
    if (policy === undefined || (endpoints === 'unknown' && policy !== noPolicy)) this.tellPolicy(noPolicy);
  }

  private tellUnknown(): void {
    this.found.endpoints = 'unknown';
    if (this.hasNoPolicy) this.dropPolicy();
    this.resolution.onUnknown();
  }

  private common(path: string) {
    const { channel, clock, context } = this.options;
    const request = create(GetDestinationSchema, { path, contextToken: context });
    return { channel, timers: clock, random: clock.random, request, onLost: () => this.recall() };
  }

  private refused(detail: string): void {
    this.options.log.debug('discovery knows no such target', { target: this.authority, detail });
  }
}
