import type { TokenKey } from '../../lib/contract/key-set.ts';
import { foldName } from '../wire/field-names.ts';

/** Whose tokens hold, and what of them the application is told. */
export interface IssuerRule {
  readonly issuer: string;
  /** Any of them; every audience, when there is none. */
  readonly audiences: readonly string[];
  /** None as long as they are not known: then no token of the issuer holds. */
  readonly keys: readonly TokenKey[];
  /** The application gets the token as it came. */
  readonly forwardsToken: boolean;
  readonly claimsToHeaders: readonly { readonly header: string; readonly claim: string }[];
}

/** Where a token may stand; `name` of a header is in lower case. */
export type TokenSpot =
  | { readonly kind: 'header'; readonly name: string; readonly prefix: string }
  | { readonly kind: 'param' | 'cookie'; readonly name: string };

/** A place, and the rules that a token there may hold by. */
export interface TokenPlace {
  readonly spot: TokenSpot;
  readonly rules: readonly IssuerRule[];
}

export interface RequiredClaim {
  readonly claim: string;
  /** Any of them; any value, when there is none. */
  readonly values: readonly string[];
}

/** Which tokens the requests of a route bring, all that is said of it together. Frozen, made when policy changes. */
export interface TokenPolicy {
  /** A request without a token is refused. */
  readonly required: boolean;
  /** Something that was to keep requests out cannot be read: nobody is let in. */
  readonly shut: boolean;
  readonly places: readonly TokenPlace[];
  readonly requiredClaims: readonly RequiredClaim[];
  /** Headers that claims stand in at any route of the port, folded by `foldName`: what clients write there is taken away. */
  readonly claimHeaders: ReadonlySet<string>;
}

/** The part of a policy that one object says. */
export interface TokenPart {
  readonly optional: boolean;
  readonly shut: boolean;
  readonly rules: readonly { readonly rule: IssuerRule; readonly spots: readonly TokenSpot[] }[];
  readonly requiredClaims: readonly RequiredClaim[];
}

/**
 * Joins what several objects say of one route: a token holds by any of their rules, and must have the claims that any
 * of them requires; it may be left out where all of them say so, or where there is none.
 */
export function joinPolicies(parts: readonly TokenPart[], claimHeaders: ReadonlySet<string>): TokenPolicy {
  const places = new Map<string, { spot: TokenSpot; rules: IssuerRule[] }>();
  for (const { rule, spots } of parts.flatMap(({ rules }) => rules)) {
    for (const spot of spots) {
      const key = JSON.stringify(spot);
      const place = places.get(key) ?? { spot, rules: [] };
      places.set(key, place);
      place.rules.push(rule);
    }
  }
  return Object.freeze({
    required: parts.some(({ optional }) => !optional),
    shut: parts.some(({ shut }) => shut),
    places: [...places.values()],
    requiredClaims: parts.flatMap(({ requiredClaims }) => requiredClaims),
    claimHeaders,
  });
}

/** The headers that claims stand in by any of `parts`. */
export const claimHeadersOf = (parts: readonly TokenPart[]): ReadonlySet<string> =>
  new Set(
    parts
      .flatMap(({ rules }) => rules.flatMap(({ rule }) => rule.claimsToHeaders))
      .map(({ header }) => foldName(header)),
  );
