import type { Clock } from '../clock.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { RateLimitPolicy } from '../policy/inbound/rate-limit-policy.ts';
import type { Excess } from '../policy/inbound/rate-meters.ts';
import type { Count } from '../telemetry/registry.ts';
import type { Incoming } from './incoming.ts';
import type { InboundMetrics } from './metrics.ts';

/** The requests of one connection at the rate limits of its port. */
export class RateLimiting {
  private readonly incoming: Incoming;
  private readonly policy: KnownPortPolicy;
  private readonly clock: Clock;
  private readonly metrics: InboundMetrics;
  /** Requests that were refused: kept, since a client that is refused often asks often. */
  private counts: { readonly of: RateLimitPolicy; total: Count | undefined; identity: Count | undefined } | undefined =
    undefined;

  constructor(incoming: Incoming, policy: KnownPortPolicy, options: { clock: Clock; metrics: InboundMetrics }) {
    this.incoming = incoming;
    this.policy = policy;
    this.clock = options.clock;
    this.metrics = options.metrics;
  }

  /** Counts a request that policy lets in. What it returns is why it is refused all the same. */
  take(limits: RateLimitPolicy): Excess | undefined {
    const nowMs = this.clock.nowMs();
    const excess = this.policy.meters.take(limits, this.incoming.client.identity, nowMs);
    if (excess !== undefined) this.count(limits, excess.scope === 'total' ? 'total' : 'identity', nowMs);
    return excess;
  }

  /** The connection is over, or has another policy. */
  forgetCounts(nowMs: number): void {
    this.counts?.total?.release(nowMs);
    this.counts?.identity?.release(nowMs);
    this.counts = undefined;
  }

  private count(limits: RateLimitPolicy, scope: 'total' | 'identity', nowMs: number): void {
    if (this.counts?.of !== limits) {
      this.forgetCounts(nowMs);
      this.counts = { of: limits, total: undefined, identity: undefined };
    }
    const { labels, shownPort } = this.incoming;
    const { counts } = this;
    counts[scope] ??= this.metrics.rateLimited(labels, this.policy.current, shownPort, limits, scope);
    counts[scope].value++;
  }
}

export function failureOf({ scope }: Excess): ProxyFailure {
  if (scope === 'total') return failures.totalRateLimit;
  return scope === 'identity' ? failures.identityRateLimit : failures.overrideRateLimit;
}

/** Whole seconds, as `retry-after` counts. */
export const retryAfterS = ({ waitMs }: Excess): number => Math.max(1, Math.ceil(waitMs / 1000));
