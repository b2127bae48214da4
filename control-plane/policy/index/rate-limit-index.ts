import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import { objectKey } from '../../sources/object-key.ts';
import { oldestFirst } from '../order.ts';
import { isKind } from '../routes/references.ts';

/** Rate limits by the Server that each targets, which is in the policy's own namespace. */
export class RateLimitIndex {
  private readonly policies = new Map<string, HttpLocalRateLimitPolicy>();
  /** The oldest first: that one holds. */
  private readonly byServer = new Map<string, readonly HttpLocalRateLimitPolicy[]>();

  all(): Iterable<HttpLocalRateLimitPolicy> {
    return this.policies.values();
  }

  /** The policies that target a Server, `namespace/name`. Of several the first holds: the oldest. */
  of(server: string): readonly HttpLocalRateLimitPolicy[] {
    return this.byServer.get(server) ?? [];
  }

  /** Takes a policy as it is now. Returns the Servers that it targeted or targets. */
  set(policy: HttpLocalRateLimitPolicy, deleted: boolean): Set<string> {
    const key = objectKey(policy);
    const before = this.policies.get(key);
    const changed = new Set<string>();
    if (before !== undefined) this.change(before, changed, (others) => others.filter((each) => each !== before));
    if (deleted) this.policies.delete(key);
    else {
      this.policies.set(key, policy);
      this.change(policy, changed, (others) => [...others, policy].sort(oldestFirst));
    }
    return changed;
  }

  private change(
    policy: HttpLocalRateLimitPolicy,
    changed: Set<string>,
    by: (policies: readonly HttpLocalRateLimitPolicy[]) => readonly HttpLocalRateLimitPolicy[],
  ): void {
    const server = targetServer(policy);
    if (server === undefined) return;
    changed.add(server);
    const policies = by(this.of(server));
    if (policies.length === 0) this.byServer.delete(server);
    else this.byServer.set(server, policies);
  }
}

/** `namespace/name` of the Server that a rate limit is for; undefined when it targets something else. */
export function targetServer({ metadata, spec }: HttpLocalRateLimitPolicy): string | undefined {
  const { targetRef } = spec;
  if (!isKind(targetRef, 'policy.linkerd.io', 'Server')) return undefined;
  return `${metadata.namespace ?? 'default'}/${targetRef.name}`;
}
