import { Field } from '../wire/field.ts';
import type { IssuerRule, RequiredClaim } from './token-policy.ts';

/** What a token says (RFC 7519 section 4). */
export type Claims = Readonly<Record<string, unknown>>;

/** Claims that are lists in one text, parted by spaces (RFC 8693 section 4.2; Microsoft's `scp`). */
const spaced: ReadonlySet<string> = new Set(['scope', 'scp']);

/**
 * The claim of a name: that which is called so as it stands (`https://example.com/roles`), else what is found by the
 * names between its dots (`realm_access.roles`). Undefined where there is none.
 */
export function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}

/** The values of a claim as texts: of a list each of its own. Objects have none. */
function valuesOf(claims: Claims, name: string): string[] {
  const value = claimOf(claims, name);
  if (typeof value === 'string' && spaced.has(name)) return value.split(' ').filter((each) => each !== '');
  return (Array.isArray(value) ? value : [value]).flatMap((each) =>
    typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean' ? [String(each)] : [],
  );
}

/** Whether a token has all that is required. */
export const hasClaims = (claims: Claims, required: readonly RequiredClaim[]): boolean =>
  required.every(({ claim, values }) => {
    if (values.length > 0) return valuesOf(claims, claim).some((value) => values.includes(value));
    const value = claimOf(claims, claim);
    return value !== undefined && value !== null;
  });

/**
 * The fields that claims are told the application by. A claim that a field cannot hold as it is, so that what the
 * application reads would be another (line breaks, a comma within one value of a list, white space at its ends), is left
 * out; text beyond ASCII is written as the bytes of its UTF-8.
 */
export function claimFields(claims: Claims, { claimsToHeaders }: IssuerRule): Field[] {
  return claimsToHeaders.flatMap(({ header, claim }) => {
    const values = valuesOf(claims, claim);
    const isList = spaced.has(claim) || Array.isArray(claimOf(claims, claim));
    if (values.length === 0 || values.some((value) => !isPlain(value) || (isList && value.includes(',')))) return [];
    return [new Field(header, Buffer.from(values.join(','), 'utf8').toString('latin1'), true)];
  });
}

/** Without control characters, and nothing that a reader would trim. */
const isPlain = (value: string): boolean => value !== '' && value === value.trim() && !/\p{Cc}/u.test(value);
