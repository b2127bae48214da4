import { type InboundPolicyName, inboundPolicies } from '../../lib/inject/index.ts';

/** The default inbound policies, by name: those that an annotation may ask for. */
export const defaultInboundPolicies = inboundPolicies;
export type DefaultInboundPolicy = InboundPolicyName;

export function isDefaultInboundPolicy(name: string): name is DefaultInboundPolicy {
  return (defaultInboundPolicies as readonly string[]).includes(name);
}
