import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RequestAuthenticationSchema } from '../../../api/gen/tulle_pb.js';
import type { JwtRule, RequestAuthentication } from '../../../lib/kinds/request-authentication.ts';
import type { PolicyIndex } from '../index/policy-index.ts';

export type RequestAuthenticationInit = MessageInitShape<typeof RequestAuthenticationSchema>;

/** Of the keys of all objects of one target, in characters: each proxy behind it is told them, and holds them. */
const maxKeys = 512 * 1024;

/** Why an object that is right in itself lets nobody in; see `maxKeys`. */
export const tooManyKeys = `the RequestAuthentications of its target have more than ${maxKeys} characters of keys together`;

/** What a proxy is told of all objects of one target. Beyond the bound for keys it stays shut, and is told no more. */
export function requestAuthentications(
  objects: readonly RequestAuthentication[],
  index: PolicyIndex,
): RequestAuthenticationInit[] {
  const told: RequestAuthenticationInit[] = [];
  let left = maxKeys;
  for (const object of objects) {
    const next = requestAuthentication(object, index);
    for (const { jwks } of next.rules ?? []) left -= jwks?.length ?? 0;
    if (left < 0) return [...told, { metadata: next.metadata, unreadable: tooManyKeys }];
    told.push(next);
  }
  return told;
}

/**
 * What a proxy is told of an object. One that is wrong keeps its target shut, and so does one whose keys are not known for
 * the tokens of their issuer.
 */
function requestAuthentication(object: RequestAuthentication, index: PolicyIndex): RequestAuthenticationInit {
  const { metadata, spec } = object;
  const problem = index.problemOf(object);
  const named = { group: 'tulle.dev', kind: 'requestauthentication', name: metadata.name };
  const said: RequestAuthenticationInit = { metadata: { kind: { case: 'resource', value: named } } };
  if (problem !== undefined) return { ...said, unreadable: problem.slice(0, maxProblem) };
  const { optional = false, jwtRules = [], requiredClaims = [] } = spec;
  return {
    ...said,
    optional,
    rules: jwtRules.map((rule) => jwtRule(rule, index, metadata.namespace ?? 'default')),
    requiredClaims: requiredClaims.map(({ claim, values }) => ({ claim, values: [...(values ?? [])] })),
  };
}

const maxProblem = 1024;

function jwtRule(
  rule: JwtRule,
  { keySets }: PolicyIndex,
  namespace: string,
): NonNullable<RequestAuthenticationInit['rules']>[number] {
  const fetched = rule.jwksUri == null ? '' : keySets.of(rule.jwksUri, namespace).jwks;
  return {
    issuer: rule.issuer,
    audiences: [...(rule.audiences ?? [])],
    jwks: rule.jwks ?? fetched,
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix }) => ({ name, prefix: prefix ?? '' })),
    fromParams: [...(rule.fromParams ?? [])],
    fromCookies: [...(rule.fromCookies ?? [])],
    forwardOriginalToken: rule.forwardOriginalToken ?? false,
    claimsToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({ header, claim })),
  };
}
