import { type InboundPolicyName, isInboundPolicy } from '../../../lib/contract/inbound-policies.ts';
import type { Pod } from '../../../lib/kinds/pod.ts';
import type { ClusterConfig } from '../../cluster/cluster-config.ts';
import type { ClusterIndex } from '../../cluster/cluster-index.ts';
import { setting } from '../../cluster/pod-facts.ts';
import {
  type AuthzInit,
  defaultAuthorization,
  everywhere,
  permitAll,
  permitIdentities,
  permitTls,
} from './authorizations.ts';

/** The default policy of a pod: by its annotation, its namespace's, or that of the mesh. */
export function defaultPolicyOf(pod: Pod, index: ClusterIndex, config: ClusterConfig): InboundPolicyName {
  const namespace = index.namespaces.get(pod.metadata.namespace ?? 'default');
  for (const object of [pod, namespace]) {
    const name = setting(object, 'default-inbound-policy');
    if (name !== undefined && isInboundPolicy(name)) return name;
  }
  return config.inboundPolicy;
}

/** What a built-in policy lets in. `requireIdentity` takes no client without one, whatever the policy says. */
export function defaultAuthorizations(
  policy: InboundPolicyName,
  requireIdentity: boolean,
  config: ClusterConfig,
): AuthzInit[] {
  if (policy === 'deny') return [];
  const networks = policy.startsWith('cluster-') ? config.clusterNetworks.map((cidr) => ({ cidr })) : everywhere;
  const permit =
    requireIdentity || policy.endsWith('-authenticated')
      ? permitIdentities(['*'])
      : policy.endsWith('-tls-unauthenticated')
        ? permitTls
        : permitAll;
  return [defaultAuthorization(policy, networks, permit)];
}
