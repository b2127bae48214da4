import { inboundPolicies, isInboundPolicy } from '../../../lib/contract/inbound-policies.ts';
import type { EgressNetwork } from '../../../lib/kinds/egress-network.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import { clusterOverlap } from '../cluster-overlap.ts';
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

/** What is sent into the cluster is no egress, and would be looked for in vain. */
export function checkEgressNetwork(
  { spec }: EgressNetwork,
  problems: Problems,
  { clusterNetworks }: { readonly clusterNetworks: readonly string[] },
): void {
  const networks = spec.networks ?? [];
  checkNetworks(networks, 'spec.networks', problems);
  for (const [index, network] of networks.entries()) {
    const own = clusterOverlap(network, clusterNetworks);
    if (own === undefined) continue;
    const rule = `must not reach into the cluster: add ${own} to spec.networks[${index}].except`;
    problems.add(`spec.networks[${index}].cidr`, rule, network.cidr);
  }
}
