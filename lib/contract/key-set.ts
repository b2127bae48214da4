import { longest } from './form.ts';

/**
 * Key sets (JWKS, RFC 7517) that tokens of end users are checked with: objects hold them, issuers publish them, proxies
 * get them. Only public keys count, and a key says itself what it may be used for: a token has no say in it.
 */

/** Signatures that are taken (RFC 7518 section 3.1, RFC 8037): none with a shared secret, which could make what it checks. */
const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
const byCurve: Readonly<Record<string, readonly string[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
};

/** What of a key is read and passed on: members of RFC 7518 section 6, without private ones. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid?: string;
  readonly n?: string;
  readonly e?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
}

export interface TokenKey {
  readonly jwk: PublicJwk;
  /** What it may check, by its type, its curve and its own `alg`. Never empty. */
  readonly algorithms: readonly string[];
}

export interface KeySetReading {
  /** Those that can be used; none where `problems` say why. */
  readonly keys: readonly TokenKey[];
  /** What is wrong, with the place: `keys[0]: ...`. Keys of other uses are none. */
  readonly problems: readonly string[];
}

/** Of a set, in characters and in keys: large issuers publish ten keys of 500 characters. */
const maxKeys = 32;
const maxKid = 512;
/** Of an RSA key, in bits: what is shorter can be broken, and what is longer costs whoever checks with it. */
const rsaBits = { least: 2048, most: 8192 } as const;

/** Reads a key set. Never throws. */
export function readKeySet(text: string): KeySetReading {
  const nothing = (problem: string): KeySetReading => ({ keys: [], problems: [problem] });
  if (text.length > longest.json) return nothing(`must have at most ${longest.json} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return nothing('must be JSON');
  }
  const list = (value as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(list)) return nothing("must be a JSON Web Key Set: an object with a list 'keys'");
  const keys: TokenKey[] = [];
  const problems: string[] = [];
  for (const [index, jwk] of list.entries()) {
    if (keys.length === maxKeys) {
      problems.push(`keys[${index}]: at most ${maxKeys} keys are used`);
      break;
    }
    const key = readKey(jwk);
    if (typeof key === 'string') problems.push(`keys[${index}]: ${key}`);
    else if (key !== undefined) keys.push(key);
  }
  if (keys.length === 0 && problems.length === 0) problems.push('has no key that can check signatures');
  return { keys, problems };
}

/** The key set of `keys`, as `readKeySet` reads it. */
export const formatKeySet = (keys: readonly TokenKey[]): string =>
  JSON.stringify({
    keys: keys.map(({ jwk, algorithms }) => (algorithms.length === 1 ? { ...jwk, alg: algorithms[0] } : jwk)),
  });

/** The key, undefined for one of another use, or what is wrong with it. */
function readKey(value: unknown): TokenKey | string | undefined {
  if (typeof value !== 'object' || value === null) return 'must be an object';
  const { kty, kid, use, alg, key_ops: operations, d, n, e, crv, x, y } = value as Record<string, unknown>;
  if (kty === 'oct') return 'must be a public key: who has a shared secret (kty: oct) can make tokens with it';
  if (d !== undefined) return 'must be a public key, without d: who has a private one can make tokens with it';
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > maxKid)) {
    return `kid must be a text of at most ${maxKid} characters`;
  }
  const named = kid === undefined ? {} : { kid };
  if (kty === 'RSA') {
    if (!isBytes(n) || !isBytes(e)) return 'n and e must be base64url';
    const bits = Math.floor((n.length * 3) / 4) * 8;
    if (bits < rsaBits.least || bits > rsaBits.most) {
      return `an RSA key must have from ${rsaBits.least} to ${rsaBits.most} bits, not ${bits}`;
    }
    return withAlgorithms({ kty, ...named, n, e }, rsa, alg);
  }
  if (kty === 'EC' && typeof crv === 'string' && Object.hasOwn(byCurve, crv)) {
    if (!isBytes(x) || !isBytes(y)) return 'x and y must be base64url';
    return withAlgorithms({ kty, ...named, crv, x, y }, byCurve[crv], alg);
  }
  if (kty === 'OKP' && crv === 'Ed25519') {
    if (!isBytes(x)) return 'x must be base64url';
    return withAlgorithms({ kty, ...named, crv, x }, ['EdDSA'], alg);
  }
  return undefined;
}

/** A key with an algorithm of another use (`RSA-OAEP`) is none that checks signatures. */
function withAlgorithms(jwk: PublicJwk, all: readonly string[], alg: unknown): TokenKey | undefined {
  // RFC 9864 names the curve.
  const named = alg === 'Ed25519' ? 'EdDSA' : alg;
  const algorithms = named === undefined ? all : all.filter((each) => each === named);
  return algorithms.length === 0 ? undefined : { jwk, algorithms };
}

const isBytes = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 2048 && /^[A-Za-z0-9_-]+$/.test(value);
