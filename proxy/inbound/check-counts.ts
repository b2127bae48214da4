import type { CheckDecision, CheckPolicy } from '../ext-authz/check-policy.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { Histogram } from '../telemetry/families.ts';
import type { Count } from '../telemetry/registry.ts';
import type { Incoming } from './incoming.ts';
import type { InboundMetrics } from './metrics.ts';

/** Where the checks of one connection are counted: kept, since most requests of a connection are alike. */
export class CheckCounts {
  private readonly metrics: InboundMetrics;
  private readonly incoming: Incoming;
  private readonly policy: KnownPortPolicy;
  private readonly decisions = new Map<CheckPolicy, Map<CheckDecision, Count>>();
  private readonly times = new Map<CheckPolicy, Histogram>();

  constructor(metrics: InboundMetrics, incoming: Incoming, policy: KnownPortPolicy) {
    this.metrics = metrics;
    this.incoming = incoming;
    this.policy = policy;
  }

  of(policy: CheckPolicy, decision: CheckDecision): Count {
    let ofPolicy = this.decisions.get(policy);
    if (ofPolicy === undefined) {
      ofPolicy = new Map();
      this.decisions.set(policy, ofPolicy);
    }
    let count = ofPolicy.get(decision);
    if (count === undefined) {
      const { labels, shownPort } = this.incoming;
      count = this.metrics.checked(labels, this.policy.current, shownPort, policy, decision);
      ofPolicy.set(decision, count);
    }
    return count;
  }

  time(policy: CheckPolicy): Histogram {
    let time = this.times.get(policy);
    if (time === undefined) {
      time = this.metrics.checkTime(this.policy.current, this.incoming.shownPort, policy);
      this.times.set(policy, time);
    }
    return time;
  }

  /** For what happens seldom. */
  leftOut(policy: CheckPolicy, fields: number): void {
    this.metrics.leftOut(this.policy.current, this.incoming.shownPort, policy, fields);
  }

  forget(nowMs: number): void {
    for (const counts of this.decisions.values()) for (const count of counts.values()) count.release(nowMs);
    for (const time of this.times.values()) time.release(nowMs);
    this.decisions.clear();
    this.times.clear();
  }
}
