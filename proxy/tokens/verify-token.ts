import { type CryptoKey, decodeJwt, decodeProtectedHeader, errors, importJWK, jwtVerify } from 'jose';
import type { TokenKey } from '../../lib/contract/key-set.ts';
import type { Claims } from './claims.ts';
import type { IssuerRule } from './token-policy.ts';

/** Why a token does not hold, in words for its client: none of them are the token's. */
export interface Refused {
  readonly refused: 'invalid' | 'no keys';
  readonly why: string;
}

export interface Verified {
  readonly rule: IssuerRule;
  readonly claims: Claims;
  /** From then on it holds no more, in ms since the epoch. */
  readonly endMs: number;
}

/** In characters: a head may be longer, but no issuer writes tokens that most servers refuse. */
export const maxTokenLength = 16 * 1024;
/** How far the clocks of issuers and nodes may be apart, as with Envoy. */
export const skewMs = 60_000;
/** A token that does not say which key it was signed with is checked with so many at most: each costs 0.1 ms. */
const maxTries = 4;

const refused = (why: string): Refused => ({ refused: 'invalid', why });
const malformed = refused('it is no JSON Web Token');
const untrusted = refused('no key of its issuer signed it');

/**
 * The signed compact form (RFC 7515 section 7.1), with a signature that nobody could have written otherwise: what is
 * left over in the last character of base64url is 0. Undefined for anything else, such as one with several signatures.
 */
const isCompact = (token: string): boolean => {
  const match = /^[\w-]+\.[\w-]+\.([\w-]+)$/.exec(token);
  return match !== null && Buffer.from(match[1], 'base64url').toString('base64url') === match[1];
};

/**
 * Checks tokens by the rules of one place: who issued them, for whom, until when, and the signature, with a key and an
 * algorithm of the rule's. A token chooses among those keys by its `kid`, and no more.
 */
export class TokenVerifier {
  private readonly rules: readonly IssuerRule[];
  /** By rule, key and algorithm, made when the first token wants one. */
  private readonly imported = new Map<TokenKey, Map<string, Promise<CryptoKey>>>();

  constructor(rules: readonly IssuerRule[]) {
    this.rules = rules;
  }

  /** `nowMs` is the time since the epoch. Never rejects. */
  async verify(token: string, nowMs: number): Promise<Verified | Refused> {
    if (token.length > maxTokenLength) return refused(`it has more than ${maxTokenLength} characters`);
    if (!isCompact(token)) return malformed;
    let issuer: unknown;
    let alg: unknown;
    let kid: unknown;
    try {
      ({ alg, kid } = decodeProtectedHeader(token));
      issuer = decodeJwt(token).iss;
    } catch {
      return malformed;
    }
    let last: Refused = refused('its issuer is not one of those that are trusted here');
    for (const rule of this.rules) {
      if (rule.issuer !== issuer) continue;
      const verdict = await this.verifyBy(rule, token, alg, kid, nowMs);
      if ('rule' in verdict) return verdict;
      // What is told is what came nearest to holding.
      if (last.why !== untrusted.why || verdict.why !== untrusted.why) last = verdict;
    }
    return last;
  }

  private async verifyBy(
    rule: IssuerRule,
    token: string,
    alg: unknown,
    kid: unknown,
    nowMs: number,
  ): Promise<Verified | Refused> {
    if (rule.keys.length === 0) return { refused: 'no keys', why: 'the keys of its issuer are not known' };
    const fitting = rule.keys.filter(
      ({ jwk, algorithms }) =>
        algorithms.includes(String(alg)) && (kid === undefined || jwk.kid === undefined || jwk.kid === kid),
    );
    for (const key of fitting.slice(0, maxTries)) {
      try {
        const { payload } = await jwtVerify(token, await this.keyFor(key, String(alg)), {
          algorithms: [...key.algorithms],
          issuer: rule.issuer,
          audience: rule.audiences.length === 0 ? undefined : [...rule.audiences],
          clockTolerance: skewMs / 1000,
          currentDate: new Date(nowMs),
          requiredClaims: ['exp'],
        });
        return { rule, claims: payload, endMs: payload.exp! * 1000 + skewMs };
      } catch (error) {
        if (error instanceof errors.JWSSignatureVerificationFailed) continue;
        return refused(whyNot(error));
      }
    }
    return untrusted;
  }

  private keyFor(key: TokenKey, alg: string): Promise<CryptoKey> {
    let byAlgorithm = this.imported.get(key);
    if (byAlgorithm === undefined) {
      byAlgorithm = new Map();
      this.imported.set(key, byAlgorithm);
    }
    let imported = byAlgorithm.get(alg);
    if (imported === undefined) {
      imported = importJWK({ ...key.jwk }, alg) as Promise<CryptoKey>;
      byAlgorithm.set(alg, imported);
    }
    return imported;
  }
}

function whyNot(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has ended';
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'aud':
        return 'it is for another audience';
      case 'nbf':
        return 'it is not valid yet';
      case 'exp':
        return 'it says no end';
      default:
        return 'one of its claims is of the wrong form';
    }
  }
  if (error instanceof errors.JOSENotSupported) return 'its header asks for what is not supported';
  if (error instanceof errors.JOSEError) return malformed.why;
  return 'the key of its issuer cannot be used';
}
