import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { OutboundPolicy } from '../policy/outbound/model.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import type { TargetName } from './addresses.ts';
import { type Name, NameLookup } from './name-lookup.ts';
import type { LookupOptions, Resolution } from './resolution.ts';

/**
 * Looks up a target that may be called by a short name, as a resolver goes through its search path: its names are asked
 * for one after the other, and the first that discovery knows is the target, or the first that has endpoints where one
 * has. Those before it stay watched, so that one
 * that comes to be known takes the target over; when none is known any more, all of them are.
 */
export class Lookup {
  private readonly names: readonly Name[];
  private readonly options: LookupOptions;
  private readonly resolution: Resolution;
  private readonly lookups: NameLookup[] = [];
  /** The one whose word is passed on; undefined while none is known. */
  private chosen: NameLookup | undefined = undefined;
  private toldUnknown = false;
  private closed = false;

  /** `target` is an address or a service. */
  constructor(target: TargetName, options: LookupOptions, resolution: Resolution) {
    const { host, port, candidates } = target;
    this.names =
      target.kind === 'ip'
        ? [{ kind: 'ip', host, port }]
        : candidates.map((candidate) => ({ kind: 'service', host: candidate, port }));
    this.options = options;
    this.resolution = resolution;
    this.choose();
  }

  /** Whether the control plane answers now. */
  get isLive(): boolean {
    return this.lookups.every((lookup) => lookup.isLive);
  }

  /** The target is known, and nobody could be asked for it again: it is not to be given up for being idle. */
  get mustBeKept(): boolean {
    return this.lookups.some((lookup) => lookup.mustBeKept);
  }

  close(): void {
    this.closed = true;
    for (const lookup of this.lookups) lookup.close();
  }

  private choose(): void {
    let empty: NameLookup | undefined;
    for (let i = 0; i < this.names.length; i++) {
      if (i === this.lookups.length) this.add(this.names[i]);
      const lookup = this.lookups[i];
      const { endpoints } = lookup.found;
      if (endpoints === undefined) return;
      if (endpoints === 'unknown') continue;
      // A Service that is known may have no pod of that name: a later name may be the one that is meant.
      if (endpoints.infos.length === 0 && i < this.names.length - 1) {
        empty ??= lookup;
        continue;
      }
      for (const later of this.lookups.splice(i + 1)) later.close();
      this.take(lookup);
      return;
    }
    if (empty !== undefined) {
      this.take(empty);
      return;
    }
    this.chosen = undefined;
    if (this.toldUnknown) return;
    this.toldUnknown = true;
    this.resolution.onUnknown();
  }

  private take(lookup: NameLookup): void {
    if (this.chosen === lookup) return;
    this.chosen = lookup;
    this.toldUnknown = false;
    const { opaque, policy, routes, endpoints } = lookup.found;
    if (routes !== undefined) this.resolution.onRoutes(routes.authority, routes.routes);
    if (opaque !== undefined) this.resolution.onOpaque(opaque);
    if (policy !== undefined) this.resolution.onPolicy(policy, lookup.path);
    if (endpoints !== undefined && endpoints !== 'unknown') {
      this.resolution.onEndpoints(endpoints.authority, endpoints.infos);
    }
  }

  private add(name: Name): void {
    // A target with one name hears of what it speaks before it has endpoints.
    const isOnly = this.names.length === 1;
    let lookup: NameLookup | undefined;
    const isHeard = (): boolean => isOnly || (lookup !== undefined && this.chosen === lookup);
    lookup = new NameLookup(name, this.options, {
      onOpaque: (opaque) => isHeard() && this.resolution.onOpaque(opaque),
      onPolicy: (policy: OutboundPolicy, path: string) => isHeard() && this.resolution.onPolicy(policy, path),
      onRoutes: (authority: string, routes: ProfileRoutes | undefined) =>
        isHeard() && this.resolution.onRoutes(authority, routes),
      onEndpoints: (authority: string, infos: readonly EndpointInfo[]) => {
        if (this.closed) return;
        if (this.chosen === lookup) this.resolution.onEndpoints(authority, infos);
        else this.choose();
      },
      onUnknown: () => {
        if (!this.closed) this.choose();
      },
    });
    this.lookups.push(lookup);
  }
}
