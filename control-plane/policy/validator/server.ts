import { inboundPolicies, isInboundPolicy } from '../../../lib/contract/inbound-policies.ts';
import type { EgressNetwork } from '../../../lib/kinds/egress-network.ts';
import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import { isKind } from '../routes/references.ts';
import { checkNetworks } from './networks.ts';
import { policyGroup } from './references.ts';

export function checkServer({ spec }: Server, problems: Problems): void {
  const { port, accessPolicy } = spec;
  if (typeof port === 'number' ? port < 1 || port > 65_535 : port === '') {
    problems.add('spec.port', "must be a number from 1 to 65535, or the name of a container's port", port);
  }
  if (accessPolicy != null && !isInboundPolicy(accessPolicy)) {
    problems.add('spec.accessPolicy', `must be one of ${inboundPolicies.join(', ')}`, accessPolicy);
  }
}

export function checkRateLimit({ spec }: HttpLocalRateLimitPolicy, problems: Problems): void {
  if (!isKind(spec.targetRef, policyGroup, 'Server')) {
    problems.add('spec.targetRef.kind', `must be Server of ${policyGroup}`, spec.targetRef.kind);
  }
  const total = spec.total?.requestsPerSecond;
  const check = (rate: number | undefined, path: string): void => {
    if (rate === undefined || total === undefined || rate <= total) return;
    problems.add(`${path}.requestsPerSecond`, `must not be more than spec.total.requestsPerSecond (${total})`, rate);
  };
  check(spec.identity?.requestsPerSecond, 'spec.identity');
  for (const [index, override] of (spec.overrides ?? []).entries()) {
    check(override.requestsPerSecond, `spec.overrides[${index}]`);
    for (const [client, ref] of override.clientRefs.entries()) {
      if (isKind(ref, '', 'ServiceAccount')) continue;
      problems.add(`spec.overrides[${index}].clientRefs[${client}].kind`, 'must be ServiceAccount', ref.kind);
    }
  }
}

export function checkEgressNetwork({ spec }: EgressNetwork, problems: Problems): void {
  checkNetworks(spec.networks ?? [], 'spec.networks', problems);
}
