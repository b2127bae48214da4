import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign, GeneralSign } from 'jose';
import { readKeySet, type TokenKey } from '../../../lib/contract/key-set.ts';

export type Algorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

const text = new TextEncoder();

function pairOf(algorithm: Algorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** Somebody who gives out tokens, with a key of its own. */
export class Issuer {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly kid: string;
  private readonly pair: { publicKey: KeyObject; privateKey: KeyObject };

  constructor(name: string, algorithm: Algorithm = 'ES256', kid = 'k1') {
    this.name = name;
    this.algorithm = algorithm;
    this.kid = kid;
    this.pair = pairOf(algorithm);
  }

  /** The key set that it publishes. */
  get jwks(): string {
    const jwk = this.pair.publicKey.export({ format: 'jwk' });
    return JSON.stringify({ keys: [{ ...jwk, kid: this.kid, alg: this.algorithm, use: 'sig' }] });
  }

  get keys(): readonly TokenKey[] {
    return readKeySet(this.jwks).keys;
  }

  /** A token that ends in an hour, with claims and header as given: undefined takes one away. */
  token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
    const payload = { iss: this.name, sub: 'ann', exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
    const said = { alg: this.algorithm, kid: this.kid, ...header };
    return new CompactSign(text.encode(JSON.stringify(payload))).setProtectedHeader(said).sign(this.pair.privateKey, {
      crit: Object.fromEntries(((header['crit'] as string[]) ?? []).map((name) => [name, true])),
    });
  }

  /** What somebody makes who knows no key but the public one: `signature` is over header and payload. */
  forged(header: Record<string, unknown>, signature: (input: string, publicPem: string) => Buffer): string {
    const payload = { iss: this.name, sub: 'eve', exp: Math.floor(Date.now() / 1000) + 3600 };
    const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const pem = this.pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    return `${input}.${signature(input, pem).toString('base64url')}`;
  }

  /** A token whose signature is an HMAC with the public key for its secret. */
  confused(header: Record<string, unknown> = { alg: 'HS256', kid: this.kid }): string {
    return this.forged(header, (input, pem) => createHmac('sha256', pem).update(input).digest());
  }

  /** The JSON form with several signatures (RFC 7515 section 7.2.1). */
  async manySignatures(count: number): Promise<string> {
    const payload = { iss: this.name, exp: Math.floor(Date.now() / 1000) + 3600 };
    const sign = new GeneralSign(text.encode(JSON.stringify(payload)));
    for (let i = 0; i < count; i++) {
      sign.addSignature(this.pair.privateKey).setProtectedHeader({ alg: this.algorithm, kid: this.kid });
    }
    return JSON.stringify(await sign.sign());
  }
}
