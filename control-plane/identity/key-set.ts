import { type CryptoKey, decodeProtectedHeader, errors, importJWK, type JWTPayload, jwtVerify } from 'jose';
import { readKeySet, type TokenKey } from '../../lib/contract/key-set.ts';
import { type ServiceAccount, serviceAccountOf, TokenError, tokenParts } from './token-authenticator.ts';

/** What a token must say, besides who signed it. */
export interface TokenRules {
  readonly audience: string;
  readonly nowMs: number;
  /** How far the clocks may be apart. */
  readonly skewMs: number;
}

/** A token that does not say which key it was signed with is checked with so many at most. */
const maxTries = 4;
/** Of a claim that is told in a message, in characters. */
const maxTold = 200;

/**
 * The public keys that service account tokens are signed with, as a JSON Web Key Set (RFC 7517): those that the API
 * server publishes, or those of the local runner. A token chooses among them by its `kid`, and no more.
 */
export class KeySet {
  private readonly keys: readonly TokenKey[];
  /** Who must have issued the tokens (`iss`); anybody, where nobody says. */
  private readonly issuer: string | undefined;
  /** By algorithm, made when the first token wants one. */
  private readonly imported = new Map<TokenKey, Map<string, Promise<CryptoKey>>>();

  private constructor(keys: readonly TokenKey[], issuer: string | undefined) {
    this.keys = keys;
    this.issuer = issuer;
  }

  /** Reads a key set. Throws when it is none, or holds no key that can be used. */
  static parse(text: string, issuer?: string): KeySet {
    const { keys, problems } = readKeySet(text);
    if (keys.length === 0) throw new Error(`the key set ${problems.join('; ')}`);
    return new KeySet(keys, issuer);
  }

  /** Checks a token (RFC 7519) and tells whose it is. Rejects with a TokenError. */
  async authenticate(token: string, { audience, nowMs, skewMs }: TokenRules): Promise<ServiceAccount> {
    const compact = tokenParts(token).join('.');
    for (const [key, algorithm] of this.fitting(compact)) {
      try {
        const { payload } = await jwtVerify(compact, await this.keyFor(key, algorithm), {
          algorithms: [algorithm],
          audience,
          issuer: this.issuer,
          clockTolerance: skewMs / 1000,
          currentDate: new Date(nowMs),
          requiredClaims: ['exp'],
        });
        return serviceAccountOf(payload.sub);
      } catch (error) {
        if (error instanceof TokenError) throw error;
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw this.refusal(error, audience);
      }
    }
    throw new TokenError('not authenticated', 'no key of the key set signed the token');
  }

  /** The keys that may have signed a token, with the algorithm that it names. */
  private fitting(token: string): [key: TokenKey, algorithm: string][] {
    let header: ReturnType<typeof decodeProtectedHeader>;
    try {
      header = decodeProtectedHeader(token);
    } catch {
      throw new TokenError('malformed', 'the token is no JSON Web Token');
    }
    const { alg, kid } = header;
    return this.keys
      .filter(({ jwk, algorithms }) => algorithms.includes(`${alg}`) && (kid === undefined || jwk.kid === kid))
      .slice(0, maxTries)
      .map((key) => [key, `${alg}`]);
  }

  private keyFor(key: TokenKey, algorithm: string): Promise<CryptoKey> {
    const byAlgorithm = this.imported.get(key) ?? new Map<string, Promise<CryptoKey>>();
    this.imported.set(key, byAlgorithm);
    const imported = byAlgorithm.get(algorithm) ?? (importJWK({ ...key.jwk }, algorithm) as Promise<CryptoKey>);
    byAlgorithm.set(algorithm, imported);
    return imported;
  }

  private refusal(error: unknown, audience: string): TokenError {
    if (error instanceof errors.JWTExpired) return refused(`the token ended at ${time(error.payload.exp)}`);
    if (error instanceof errors.JWTClaimValidationFailed) {
      return refused(claimProblem(error.claim, error.payload, audience, this.issuer));
    }
    const malformed = error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid;
    if (malformed) return new TokenError('malformed', 'the token is no JSON Web Token');
    return refused(`the token cannot be checked: ${(error as Error).message}`);
  }
}

function claimProblem(claim: string, payload: JWTPayload, audience: string, issuer: string | undefined): string {
  switch (claim) {
    case 'exp':
      return 'the token has no end (exp)';
    case 'nbf':
      return `the token is not valid before ${time(payload.nbf)}`;
    case 'aud':
      return `the token is for ${told(payload.aud)}, not for ${audience}`;
    case 'iss':
      return `the token is of the issuer ${told(payload.iss)}, not of ${issuer}`;
    default:
      return `the token's claim ${claim.slice(0, maxTold)} does not hold`;
  }
}

const refused = (message: string): TokenError => new TokenError('not authenticated', message);
const told = (claim: unknown): string => (JSON.stringify(claim) ?? 'nobody').slice(0, maxTold);

/** A NumericDate in text, whatever the token says there. */
function time(seconds: unknown): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? told(seconds) : date.toISOString();
}
