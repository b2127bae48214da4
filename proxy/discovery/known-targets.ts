import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { OutboundPolicy } from '../policy/outbound/model.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';

/** What the control plane has said of a target so far; what it has not spoken of is undefined. */
export interface KnownTarget {
  opaque?: boolean;
  policy?: OutboundPolicy;
  routes?: { readonly authority: string; readonly routes: ProfileRoutes | undefined };
  /** `unknown`: it said that it knows none. */
  endpoints?: { readonly authority: string; readonly infos: readonly EndpointInfo[] } | 'unknown';
}

const limits = { targets: 1000, endpoints: 10_000 };

/**
 * What was known of targets that nothing uses any more, so that a client that comes back while the control plane is away
 * reaches them all the same. Bounded: the ones that have not been used for longest are forgotten first.
 */
export class KnownTargets {
  private readonly limits: { readonly targets: number; readonly endpoints: number };
  /** Those remembered last stand last. */
  private readonly byName = new Map<string, KnownTarget>();
  private endpoints = 0;

  constructor(bounds = limits) {
    this.limits = bounds;
  }

  remember(name: string, target: KnownTarget): void {
    // Who learned nothing does not know better.
    if (target.endpoints === undefined) return;
    this.forget(name);
    if (endpointsOf(target) > this.limits.endpoints) return;
    this.byName.set(name, target);
    this.endpoints += endpointsOf(target);
    for (const [oldest] of this.byName) {
      if (this.byName.size <= this.limits.targets && this.endpoints <= this.limits.endpoints) break;
      this.forget(oldest);
    }
  }

  /** Undefined when there is nothing. */
  recall(name: string): KnownTarget | undefined {
    return this.byName.get(name);
  }

  private forget(name: string): void {
    const target = this.byName.get(name);
    if (target === undefined) return;
    this.byName.delete(name);
    this.endpoints -= endpointsOf(target);
  }
}

function endpointsOf({ endpoints }: KnownTarget): number {
  return endpoints === undefined || endpoints === 'unknown' ? 0 : endpoints.infos.length;
}
