import { expect, it } from 'vitest';
import { inboundPolicies } from '../../lib/contract/inbound-policies.ts';
import { defaultPolicies } from '../../proxy/policy/inbound/default-policy.ts';

// The proxy imports nothing but the API, so it has a list of its own.
it('the proxy knows the default policies that may be configured, and no other', () => {
  expect(defaultPolicies).toEqual(inboundPolicies);
});
