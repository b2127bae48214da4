/** The default inbound policies, by name (linkerd2 policy-controller/core/src/inbound.rs). */
export const defaultInboundPolicies = [
  'all-unauthenticated',
  'all-authenticated',
  'cluster-unauthenticated',
  'cluster-authenticated',
  'all-tls-unauthenticated',
  'cluster-tls-unauthenticated',
  'audit',
  'deny',
] as const;
export type DefaultInboundPolicy = (typeof defaultInboundPolicies)[number];

export function isDefaultInboundPolicy(name: string): name is DefaultInboundPolicy {
  return (defaultInboundPolicies as readonly string[]).includes(name);
}
