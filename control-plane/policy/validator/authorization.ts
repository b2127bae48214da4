import { z } from 'zod';
import { isKind } from '../routes/references.ts';
import { isIdentityName } from './identity-name.ts';
import { checkNetworks, networkShape } from './networks.ts';
import type { Problems } from './problems.ts';
import {
  canonicalKind,
  gatewayGroup,
  labelSelectorShape,
  type ObjectRefShape,
  objectRefShape,
  policyGroup,
} from './references.ts';

const authorizationPolicyShape = z.object({
  targetRef: objectRefShape,
  requiredAuthenticationRefs: z.array(objectRefShape),
});

export function checkAuthorizationPolicy(spec: unknown, namespace: string, problems: Problems): void {
  const policy = problems.parse(authorizationPolicyShape, spec, 'spec');
  if (policy === undefined) return;
  const { targetRef, requiredAuthenticationRefs: refs } = policy;
  if (isKind(targetRef, '', 'Namespace')) {
    if (targetRef.name !== namespace) {
      problems.add('spec.targetRef.name', `must be the policy's own namespace (${namespace})`, targetRef.name);
    }
  } else if (!policyTargets.some(([group, kind]) => isKind(targetRef, group, kind))) {
    problems.add(
      'spec.targetRef.kind',
      'must be Namespace, Server, HTTPRoute or GRPCRoute, with the group of that kind',
      canonicalKind(targetRef),
    );
  }
  const ofKind = (group: string, kind: string): ObjectRefShape[] => refs.filter((ref) => isKind(ref, group, kind));
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

const policyTargets = [
  [policyGroup, 'Server'],
  [policyGroup, 'HTTPRoute'],
  [gatewayGroup, 'HTTPRoute'],
  [gatewayGroup, 'GRPCRoute'],
] as const;

const meshTlsShape = z.object({
  identities: z.array(z.string()).nullish(),
  identityRefs: z.array(objectRefShape.partial({ name: true })).nullish(),
});

export function checkMeshTlsAuthentication(spec: unknown, problems: Problems): void {
  const authentication = problems.parse(meshTlsShape, spec, 'spec');
  if (authentication === undefined) return;
  const { identities, identityRefs } = authentication;
  if ((identities == null) === (identityRefs == null)) {
    problems.add('spec', 'must have either identities or identityRefs');
  }
  if (identities?.length === 0) problems.add('spec.identities', 'must name at least one identity');
  if (identityRefs?.length === 0) problems.add('spec.identityRefs', 'must name at least one identity');
  for (const [index, identity] of (identities ?? []).entries()) {
    if (isIdentityName(identity)) continue;
    problems.add(
      `spec.identities[${index}]`,
      "must be a DNS-like name, '*', '*.' and a name, or a SPIFFE ID",
      identity,
    );
  }
  for (const [index, ref] of (identityRefs ?? []).entries()) {
    const path = `spec.identityRefs[${index}]`;
    if (isKind(ref, '', 'Namespace')) {
      if (ref.namespace !== undefined) problems.add(`${path}.namespace`, 'must not be set: a Namespace is in none');
    } else if (!isKind(ref, '', 'ServiceAccount')) {
      problems.add(`${path}.kind`, 'must be ServiceAccount or Namespace', canonicalKind(ref));
    }
  }
}

const networkAuthenticationShape = z.object({ networks: z.array(networkShape) });

export function checkNetworkAuthentication(spec: unknown, problems: Problems): void {
  const authentication = problems.parse(networkAuthenticationShape, spec, 'spec');
  if (authentication === undefined) return;
  if (authentication.networks.length === 0) problems.add('spec.networks', 'must name at least one network');
  checkNetworks(authentication.networks, 'spec.networks', problems);
}

const serverAuthorizationShape = z.object({
  server: z.object({ name: z.string().nullish(), selector: labelSelectorShape.nullish() }),
  client: z.object({
    networks: z.array(networkShape).nullish(),
    unauthenticated: z.boolean().nullish(),
    meshTLS: z
      .object({
        unauthenticatedTLS: z.boolean().nullish(),
        identities: z.array(z.string()).nullish(),
        serviceAccounts: z.array(z.object({ name: z.string(), namespace: z.string().nullish() })).nullish(),
      })
      .nullish(),
  }),
});

export function checkServerAuthorization(spec: unknown, problems: Problems): void {
  const authorization = problems.parse(serverAuthorizationShape, spec, 'spec');
  if (authorization === undefined) return;
  const { networks, unauthenticated, meshTLS } = authorization.client;
  if (meshTLS != null && unauthenticated) {
    problems.add('spec.client.unauthenticated', 'must be false where meshTLS is set');
  }
  const named = [...(meshTLS?.identities ?? []), ...(meshTLS?.serviceAccounts ?? [])];
  if (meshTLS?.unauthenticatedTLS && named.length > 0) {
    problems.add(
      'spec.client.meshTLS.unauthenticatedTLS',
      'must be false where identities or serviceAccounts are named',
    );
  }
  if (networks != null) checkNetworks(networks, 'spec.client.networks', problems);
}
