import type { RequestAuthentication, RequestAuthentication_JwtRule } from '../../../api/gen/tulle_pb.js';
import { claimHeaderProblem } from '../../../lib/contract/claim-headers.ts';
import { readKeySet } from '../../../lib/contract/key-set.ts';
import type { TokenPart, TokenSpot } from '../../tokens/token-policy.ts';

/** Where tokens stand when nothing else is said (RFC 6750 section 2.1). */
const bearer: readonly TokenSpot[] = [{ kind: 'header', name: 'authorization', prefix: 'Bearer ' }];

/**
 * Reads which tokens end users bring. What cannot be read restricts: a rule without an issuer is none, a claim is not
 * told in a header that may not be written, and one that is required without a name shuts its route.
 */
export function tokenPartsFromApi(authentications: readonly RequestAuthentication[]): TokenPart[] {
  return authentications.map(({ optional, unreadable, rules, requiredClaims }) => ({
    optional,
    shut: unreadable !== '' || requiredClaims.some(({ claim }) => claim === ''),
    rules: rules.flatMap((rule) => (rule.issuer === '' ? [] : [{ rule: ruleFromApi(rule), spots: spotsOf(rule) }])),
    requiredClaims: requiredClaims.map(({ claim, values }) => ({ claim, values })),
  }));
}

const ruleFromApi = (rule: RequestAuthentication_JwtRule): TokenPart['rules'][number]['rule'] => ({
  issuer: rule.issuer,
  audiences: rule.audiences,
  keys: rule.jwks === '' ? [] : readKeySet(rule.jwks).keys,
  forwardsToken: rule.forwardOriginalToken,
  claimsToHeaders: rule.claimsToHeaders
    .filter(({ header }) => claimHeaderProblem(header) === undefined)
    .map(({ header, claim }) => ({ header: header.toLowerCase(), claim })),
});

function spotsOf({ fromHeaders, fromParams, fromCookies }: RequestAuthentication_JwtRule): readonly TokenSpot[] {
  const spots: TokenSpot[] = [
    ...fromHeaders.map(({ name, prefix }) => ({ kind: 'header' as const, name: name.toLowerCase(), prefix })),
    ...fromParams.map((name) => ({ kind: 'param' as const, name })),
    ...fromCookies.map((name) => ({ kind: 'cookie' as const, name })),
  ];
  return spots.length === 0 ? bearer : spots;
}
