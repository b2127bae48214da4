import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import { isKind } from '../routes/references.ts';
import { canonicalKind, policyGroup } from './references.ts';

export function checkRateLimit({ metadata, spec }: HttpLocalRateLimitPolicy, problems: Problems): void {
  const { targetRef, identity, overrides } = spec;
  if (!isKind(targetRef, policyGroup, 'Server')) {
    problems.add('spec.targetRef.kind', `must be Server, with the group ${policyGroup}`, canonicalKind(targetRef));
  }
  const total = spec.total?.requestsPerSecond;
  const check = (rate: number | undefined, path: string): void => {
    if (rate === undefined || total === undefined || rate <= total) return;
    problems.add(`${path}.requestsPerSecond`, `must not be more than spec.total.requestsPerSecond (${total})`, rate);
  };
  check(identity?.requestsPerSecond, 'spec.identity');
  const named = new Set<string>();
  for (const [index, override] of (overrides ?? []).entries()) {
    const path = `spec.overrides[${index}]`;
    check(override.requestsPerSecond, path);
    if (override.clientRefs.length === 0) problems.add(`${path}.clientRefs`, 'must name at least one ServiceAccount');
    for (const [client, ref] of override.clientRefs.entries()) {
      const at = `${path}.clientRefs[${client}]`;
      if (!isKind(ref, '', 'ServiceAccount')) {
        problems.add(`${at}.kind`, 'must be ServiceAccount', canonicalKind(ref));
        continue;
      }
      const account = `${ref.namespace ?? metadata.namespace ?? 'default'}/${ref.name}`;
      if (named.has(account)) problems.add(`${at}.name`, 'must be named once: its limit would be ambiguous', ref.name);
      named.add(account);
    }
  }
}
