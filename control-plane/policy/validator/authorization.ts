import type { AuthorizationPolicy } from '../../../lib/kinds/authorization-policy.ts';
import type { MeshTlsAuthentication } from '../../../lib/kinds/mesh-tls-authentication.ts';
import type { NetworkAuthentication } from '../../../lib/kinds/network-authentication.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { ObjectRef } from '../../../lib/kinds/schema.ts';
import type { ServerAuthorization } from '../../../lib/kinds/server-authorization.ts';
import { isKind } from '../routes/references.ts';
import { checkNetworks } from './networks.ts';
import { canonicalKind, checkPolicyTarget, policyGroup } from './references.ts';
import { isSpiffeId } from './spiffe-id.ts';

export function checkAuthorizationPolicy({ metadata, spec }: AuthorizationPolicy, problems: Problems): void {
  const { targetRef, requiredAuthenticationRefs: refs } = spec;
  checkPolicyTarget(targetRef, metadata.namespace ?? 'default', problems);
  const ofKind = (group: string, kind: string): ObjectRef[] => refs.filter((ref) => isKind(ref, group, kind));
  const meshTls = ofKind(policyGroup, 'MeshTLSAuthentication');
  const networks = ofKind(policyGroup, 'NetworkAuthentication');
  const serviceAccounts = ofKind('', 'ServiceAccount');
  const path = 'spec.requiredAuthenticationRefs';
  if (meshTls.length > 1) problems.add(path, 'must name at most one MeshTLSAuthentication');
  if (serviceAccounts.length > 1) problems.add(path, 'must name at most one ServiceAccount');
  if (meshTls.length > 0 && serviceAccounts.length > 0) {
    problems.add(path, 'must not name both a MeshTLSAuthentication and a ServiceAccount');
  }
  if (networks.length > 1) problems.add(path, 'must name at most one NetworkAuthentication');
  for (const [index, ref] of refs.entries()) {
    if ([...meshTls, ...networks, ...serviceAccounts].includes(ref)) continue;
    problems.add(
      `${path}[${index}].kind`,
      'must be MeshTLSAuthentication, NetworkAuthentication or ServiceAccount, with the group of that kind',
      canonicalKind(ref),
    );
  }
}

export function checkMeshTlsAuthentication({ spec }: MeshTlsAuthentication, problems: Problems): void {
  const { identities, identityRefs } = spec;
  for (const [index, identity] of (identities ?? []).entries()) {
    if (!identity.startsWith('spiffe://') || isSpiffeId(identity)) continue;
    problems.add(
      `spec.identities[${index}]`,
      'must be a SPIFFE ID: a trust domain, and a path without . or ..',
      identity,
    );
  }
  for (const [index, ref] of (identityRefs ?? []).entries()) {
    const path = `spec.identityRefs[${index}]`;
    if (isKind(ref, '', 'Namespace')) {
      if (ref.namespace != null) problems.add(`${path}.namespace`, 'must not be set: a Namespace is in none');
    } else if (!isKind(ref, '', 'ServiceAccount')) {
      problems.add(`${path}.kind`, 'must be ServiceAccount or Namespace', canonicalKind(ref));
    }
  }
}

export function checkNetworkAuthentication({ spec }: NetworkAuthentication, problems: Problems): void {
  checkNetworks(spec.networks, 'spec.networks', problems);
}

export function checkServerAuthorization({ spec }: ServerAuthorization, problems: Problems): void {
  const { networks, unauthenticated, meshTLS } = spec.client;
  if (meshTLS != null && unauthenticated) {
    problems.add('spec.client.unauthenticated', 'must be false where meshTLS is set');
  }
  const clients = [...(meshTLS?.identities ?? []), ...(meshTLS?.serviceAccounts ?? [])];
  if (meshTLS?.unauthenticatedTLS && clients.length > 0) {
    problems.add(
      'spec.client.meshTLS.unauthenticatedTLS',
      'must be false where identities or serviceAccounts are named',
    );
  }
  if (networks != null) checkNetworks(networks, 'spec.client.networks', problems);
}
