import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type ServiceAccount, serviceAccountOf, TokenError, tokenParts } from './token-authenticator.ts';

interface Key {
  readonly id: string | undefined;
  readonly algorithm: 'ES256' | 'RS256';
  readonly key: KeyObject;
}

/**
 * The public keys that service account tokens are signed with, as a JSON Web Key Set (RFC 7517): those that the API
 * server publishes, or those of the local runner.
 */
export class KeySet {
  private readonly keys: readonly Key[];

  private constructor(keys: readonly Key[]) {
    this.keys = keys;
  }

  /** Reads a key set. Throws when it is none, or holds no key that can be used. */
  static parse(text: string): KeySet {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    if (!Array.isArray(keys)) throw new Error("the key set must have a list 'keys'");
    const usable = keys.flatMap((jwk: Record<string, unknown>): Key[] => {
      const algorithm =
        jwk['kty'] === 'EC' && jwk['crv'] === 'P-256' ? 'ES256' : jwk['kty'] === 'RSA' ? 'RS256' : undefined;
      if (algorithm === undefined) return [];
      const id = typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined;
      return [{ id, algorithm, key: createPublicKey({ key: jwk as never, format: 'jwk' }) }];
    });
    if (usable.length === 0) throw new Error('the key set holds no P-256 and no RSA key');
    return new KeySet(usable);
  }

  /**
   * Checks a token (RFC 7519) for `audience` and tells whose it is. Throws a TokenError. `skewMs` is how far the clocks
   * may be apart.
   */
  authenticate(token: string, audience: string, nowMs: number, skewMs: number): ServiceAccount {
    const parts = tokenParts(token);
    const header = decode(parts[0]);
    const claims = decode(parts[1]);
    this.checkSignature(header, `${parts[0]}.${parts[1]}`, Buffer.from(parts[2], 'base64url'));

    const { exp, nbf, aud, sub } = claims;
    if (typeof exp !== 'number') throw new TokenError('not authenticated', 'the token has no end (exp)');
    if (exp * 1000 + skewMs <= nowMs) throw new TokenError('not authenticated', `the token ended at ${iso(exp)}`);
    if (typeof nbf === 'number' && nbf * 1000 - skewMs > nowMs) {
      throw new TokenError('not authenticated', `the token is not valid before ${iso(nbf)}`);
    }
    if (!(Array.isArray(aud) ? aud : [aud]).includes(audience)) {
      throw new TokenError('not authenticated', `the token is for ${JSON.stringify(aud)}, not for ${audience}`);
    }
    return serviceAccountOf(sub);
  }

  private checkSignature(header: Record<string, unknown>, signed: string, signature: Buffer): void {
    const { kid, alg } = header;
    const candidates = this.keys.filter(({ id, algorithm }) => algorithm === alg && (kid === undefined || id === kid));
    const trusted = candidates.some(({ key, algorithm }) =>
      verify(
        'sha256',
        Buffer.from(signed),
        algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
        signature,
      ),
    );
    if (!trusted) throw new TokenError('not authenticated', 'no key of the key set signed the token');
  }
}

function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new TokenError('malformed', 'the token is no JSON Web Token');
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
