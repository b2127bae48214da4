import { z } from 'zod';
import { inboundPolicies, isInboundPolicy } from '../../../lib/contract/inbound-policies.ts';
import { isKind } from '../routes/references.ts';
import { checkNetworks, networkShape } from './networks.ts';
import type { Problems } from './problems.ts';
import { labelSelectorShape, objectRefShape, policyGroup } from './references.ts';

const protocols = ['unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'] as const;
const serverShape = z.object({
  podSelector: labelSelectorShape.nullish(),
  externalWorkloadSelector: labelSelectorShape.nullish(),
  port: z.union([z.int(), z.string()]),
  proxyProtocol: z.enum(protocols).nullish(),
  accessPolicy: z.string().nullish(),
});

export function checkServer(spec: unknown, problems: Problems): void {
  const server = problems.parse(serverShape, spec, 'spec');
  if (server === undefined) return;
  if ((server.podSelector == null) === (server.externalWorkloadSelector == null)) {
    problems.add('spec', 'must have either a podSelector or an externalWorkloadSelector');
  }
  const { port, accessPolicy } = server;
  if (typeof port === 'number' ? port < 1 || port > 65_535 : port === '') {
    problems.add('spec.port', "must be a number from 1 to 65535, or the name of a container's port", port);
  }
  if (accessPolicy != null && !isInboundPolicy(accessPolicy)) {
    problems.add('spec.accessPolicy', `must be one of ${inboundPolicies.join(', ')}`, accessPolicy);
  }
}

const limitShape = z.object({ requestsPerSecond: z.int() });
const rateLimitShape = z.object({
  targetRef: objectRefShape,
  total: limitShape.nullish(),
  identity: limitShape.nullish(),
  overrides: z.array(limitShape.extend({ clientRefs: z.array(objectRefShape) })).nullish(),
});

export function checkRateLimit(spec: unknown, problems: Problems): void {
  const policy = problems.parse(rateLimitShape, spec, 'spec');
  if (policy === undefined) return;
  if (!isKind(policy.targetRef, policyGroup, 'Server')) {
    problems.add('spec.targetRef.kind', `must be Server of ${policyGroup}`, policy.targetRef.kind);
  }
  const total = policy.total?.requestsPerSecond;
  const check = (rate: number | undefined, path: string): void => {
    if (rate === undefined) return;
    if (rate < 1) problems.add(`${path}.requestsPerSecond`, 'must be more than 0', rate);
    else if (total !== undefined && rate > total) {
      problems.add(`${path}.requestsPerSecond`, `must not be more than spec.total.requestsPerSecond (${total})`, rate);
    }
  };
  check(total, 'spec.total');
  check(policy.identity?.requestsPerSecond, 'spec.identity');
  for (const [index, override] of (policy.overrides ?? []).entries()) {
    check(override.requestsPerSecond, `spec.overrides[${index}]`);
    for (const [client, ref] of override.clientRefs.entries()) {
      if (isKind(ref, '', 'ServiceAccount')) continue;
      problems.add(`spec.overrides[${index}].clientRefs[${client}].kind`, 'must be ServiceAccount', ref.kind);
    }
  }
}

const egressNetworkShape = z.object({
  trafficPolicy: z.enum(['Allow', 'Deny']),
  networks: z.array(networkShape).nullish(),
});

export function checkEgressNetwork(spec: unknown, problems: Problems): void {
  const network = problems.parse(egressNetworkShape, spec, 'spec');
  if (network?.networks == null) return;
  if (network.networks.length === 0) problems.add('spec.networks', 'must name at least one network, or be left out');
  checkNetworks(network.networks, 'spec.networks', problems);
}
