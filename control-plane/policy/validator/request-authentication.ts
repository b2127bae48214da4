import { claimHeaderProblem } from '../../../lib/contract/claim-headers.ts';
import { readKeySet } from '../../../lib/contract/key-set.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { JwtRule, RequestAuthentication } from '../../../lib/kinds/request-authentication.ts';
import { checkPolicyTarget } from './references.ts';

export function checkRequestAuthentication({ metadata, spec }: RequestAuthentication, problems: Problems): void {
  const { targetRef, optional, jwtRules = [], requiredClaims = [] } = spec;
  checkPolicyTarget(targetRef, metadata.namespace ?? 'default', problems);
  if (optional && requiredClaims.length > 0) {
    problems.add(
      'spec.requiredClaims',
      'must be left out where optional is true: who left the token out would be let in',
    );
  }
  for (const [index, rule] of jwtRules.entries()) checkRule(rule, `spec.jwtRules[${index}]`, problems);
}

function checkRule(
  { jwks, jwksUri, fromHeaders, outputClaimToHeaders }: JwtRule,
  path: string,
  problems: Problems,
): void {
  if ((jwks == null) === (jwksUri == null)) problems.add(path, 'must have one of jwks and jwksUri');
  if (jwksUri != null && !isKeySetUrl(jwksUri)) {
    problems.add(`${path}.jwksUri`, 'must be an https URL without user, password and fragment', jwksUri);
  }
  if (jwks != null) for (const problem of readKeySet(jwks).problems) problems.add(`${path}.jwks`, problem);
  const spots = new Set((fromHeaders ?? [{ name: 'authorization' }]).map(({ name }) => name.toLowerCase()));
  const told = new Set<string>();
  for (const [index, { header }] of (outputClaimToHeaders ?? []).entries()) {
    const at = `${path}.outputClaimToHeaders[${index}].header`;
    const name = header.toLowerCase();
    const problem = claimHeaderProblem(header);
    if (problem !== undefined) problems.add(at, problem, header);
    if (spots.has(name)) problems.add(at, 'must not be a header that tokens stand in', header);
    if (told.has(name)) problems.add(at, 'must not be that of another claim', header);
    told.add(name);
  }
}

/** In plain text too, which the component fetches within networks only that its administrator names. */
function isKeySetUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false;
  return url.username === '' && url.password === '' && url.hash === '' && url.hostname !== '';
}
