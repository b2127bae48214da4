import { generateKeyPairSync, sign } from 'node:crypto';

/** How many end users there are. */
const users = 1000;
const issuer = 'https://accounts.bench';
const audience = 'bench';

/** The tokens of end users, and the rule by which they hold. */
export interface Tokens {
  readonly rule: object;
  readonly tokens: readonly string[];
}

/** Signs a token (ES256) for each end user, which holds for a day. */
export function makeTokens(nowMs: number): Tokens {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = encode({ alg: 'ES256', typ: 'JWT', kid: 'bench' });
  const exp = Math.floor(nowMs / 1000) + 86_400;
  const tokens = Array.from({ length: users }, (_, user) => {
    const signed = `${head}.${encode({ iss: issuer, aud: audience, sub: `user-${user}`, exp })}`;
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  });
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256' }] });
  return { tokens, rule: { issuer, audiences: [audience], jwks } };
}
