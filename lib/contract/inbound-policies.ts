/** What an unauthorized, unconfigured port lets in (facts of Linkerd's policy controller: default inbound policies). */
export const inboundPolicies = [
  'all-unauthenticated',
  'all-authenticated',
  'cluster-unauthenticated',
  'cluster-authenticated',
  'all-tls-unauthenticated',
  'cluster-tls-unauthenticated',
  'audit',
  'deny',
] as const;
export type InboundPolicyName = (typeof inboundPolicies)[number];

export const isInboundPolicy = (name: string): name is InboundPolicyName =>
  (inboundPolicies as readonly string[]).includes(name);
