import { inboundPolicies, isInboundPolicy } from '../../../lib/contract/inbound-policies.ts';
import type { EgressNetwork } from '../../../lib/kinds/egress-network.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import { checkNetworks } from './networks.ts';

export function checkServer({ spec }: Server, problems: Problems): void {
  const { port, accessPolicy } = spec;
  if (typeof port === 'number' ? port < 1 || port > 65_535 : port === '') {
    problems.add('spec.port', "must be a number from 1 to 65535, or the name of a container's port", port);
  }
  if (accessPolicy != null && !isInboundPolicy(accessPolicy)) {
    problems.add('spec.accessPolicy', `must be one of ${inboundPolicies.join(', ')}`, accessPolicy);
  }
}

export function checkEgressNetwork({ spec }: EgressNetwork, problems: Problems): void {
  checkNetworks(spec.networks ?? [], 'spec.networks', problems);
}
