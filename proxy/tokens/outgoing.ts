import { withoutNames } from '../wire/field-names.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead } from '../wire/stream.ts';
import { withoutTokensAt } from './find-token.ts';
import type { TokenPolicy } from './token-policy.ts';
import type { KeptToken } from './verified-tokens.ts';

/**
 * What the application gets of a request: without what its client wrote where claims stand, with those of its token, and
 * without the token, unless its rule passes it on. `kept` is undefined for a request without one.
 */
export function outgoingHead(policy: TokenPolicy, head: RequestHead, kept: KeptToken | undefined): RequestHead {
  const own = policy.claimHeaders.size === 0 ? head.fields : withoutNames(policy.claimHeaders, head.fields);
  if (kept === undefined) return own === head.fields ? head : withFields(head, own);
  const told = own === head.fields && kept.fields.length === 0 ? head : withFields(head, [...own, ...kept.fields]);
  if (kept.rule.forwardsToken) return told;
  return withoutTokensAt(
    policy.places.map(({ spot }) => spot),
    told,
  );
}
