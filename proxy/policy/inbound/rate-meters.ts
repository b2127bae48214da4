import { Meter } from '../../resilience/rate-limit.ts';
import type { RateLimitPolicy, RequestLimit } from './rate-limit-policy.ts';

/** Which of a policy's limits a request would exceed. */
export interface Excess {
  readonly scope: 'total' | 'identity' | 'override';
  readonly limit: RequestLimit;
  /** When it may be asked for again, in ms from now, if nobody else is before it. */
  readonly waitMs: number;
}

/** By then all is forgotten of a client that has not come again: a burst is what a second allows. */
const sweepMs = 1000;

/**
 * The requests to one port, counted for its rate limits. It outlives the policies that say those, so that a change of
 * something else, or of the limits themselves, lets nobody through who has just been.
 *
 * A client is its identity, so whoever can have the mesh certify many could fill the memory. At most `maxIdentities` are
 * counted apart. Those of which all is forgotten, as if they had never come, go first, which changes nothing for anybody:
 * that is so a second after their last request. If none is, there are more clients at once than that, and the newcomers
 * share one meter. A meter that still counts is never dropped for one: its client would come back with a new one.
 */
export class RateMeters {
  private readonly maxIdentities: number;
  private readonly total = new Meter();
  /** Clients without an identity: nothing tells them apart. */
  private readonly unidentified = new Meter();
  private readonly others = new Meter();
  private readonly identities = new Map<string, Meter>();
  private readonly overrides = new Map<string, Meter>();
  private overridesOf: RateLimitPolicy | undefined = undefined;
  private sweptMs = Number.NEGATIVE_INFINITY;

  /** 4096 identities are about half a megabyte. */
  constructor(maxIdentities = 4096) {
    this.maxIdentities = maxIdentities;
  }

  /** How many identities are counted apart. */
  get size(): number {
    return this.identities.size;
  }

  /**
   * Counts a request, unless it would exceed a limit: that of all, then the one of its client. One that is refused counts
   * for neither, unlike with Linkerd's proxy: there a client that asks too often uses up what is there for all.
   */
  take(policy: RateLimitPolicy, identity: string | undefined, nowMs: number): Excess | undefined {
    const { total } = policy;
    if (total !== undefined) {
      const waitMs = this.total.waitMs(total, nowMs);
      if (waitMs > 0) return { scope: 'total', limit: total, waitMs };
    }
    const override = identity === undefined ? undefined : policy.overrides.get(identity);
    const limit = override?.limit ?? policy.perIdentity;
    if (limit !== undefined) {
      const meter =
        override === undefined ? this.meterOf(identity, limit, nowMs) : this.meterOfOverride(policy, override.clients);
      const waitMs = meter.waitMs(limit, nowMs);
      if (waitMs > 0) return { scope: override === undefined ? 'identity' : 'override', limit, waitMs };
      meter.take(limit, nowMs);
    }
    if (total !== undefined) this.total.take(total, nowMs);
    return undefined;
  }

  private meterOf(identity: string | undefined, limit: RequestLimit, nowMs: number): Meter {
    if (identity === undefined) return this.unidentified;
    let meter = this.identities.get(identity);
    if (meter !== undefined) return meter;
    this.sweep(limit, nowMs);
    if (this.identities.size >= this.maxIdentities) return this.others;
    meter = new Meter();
    this.identities.set(identity, meter);
    return meter;
  }

  /** Looks at all of them, so not for each newcomer. */
  private sweep(limit: RequestLimit, nowMs: number): void {
    if (nowMs - this.sweptMs < sweepMs) return;
    this.sweptMs = nowMs;
    for (const [identity, meter] of this.identities) if (meter.isWhole(limit, nowMs)) this.identities.delete(identity);
  }

  /** Those of a policy are as many as it says; those that it says no more go. */
  private meterOfOverride(policy: RateLimitPolicy, clients: string): Meter {
    if (policy !== this.overridesOf) {
      this.overridesOf = policy;
      const said = new Set([...policy.overrides.values()].map((override) => override.clients));
      for (const known of this.overrides.keys()) if (!said.has(known)) this.overrides.delete(known);
    }
    let meter = this.overrides.get(clients);
    if (meter === undefined) {
      meter = new Meter();
      this.overrides.set(clients, meter);
    }
    return meter;
  }
}
