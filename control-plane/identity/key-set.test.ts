import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign, SignJWT } from 'jose';
import { expect, test, vi } from 'vitest';
import { KeySet } from './key-set.ts';
import { KeySetAuthenticator, PublishedKeys } from './key-set-authenticator.ts';

const nowMs = Date.parse('2026-01-02T03:04:05Z');
const seconds = nowMs / 1000;
const rules = { audience: 'identity.l5d.io', nowMs, skewMs: 20_000 };
const account = { namespace: 'shop', name: 'web' };
const claims = { sub: 'system:serviceaccount:shop:web', aud: ['identity.l5d.io'], exp: seconds + 3600, iss: 'api' };

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const ec = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve });
const rsa: Pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = ec('P-256');

const keySet = (...keys: (readonly [key: KeyObject, rest?: object])[]): string =>
  JSON.stringify({ keys: keys.map(([key, rest]) => ({ ...key.export({ format: 'jwk' }), ...rest })) });
const sign = (key: KeyObject, alg: string, changed: object = {}, kid?: string): Promise<string> =>
  new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg, ...(kid ? { kid } : {}) }).sign(key);

test.each([
  ['RS256', rsa],
  ['RS512', rsa],
  ['PS256', rsa],
  ['ES256', p256],
  ['ES384', ec('P-384')],
  ['ES512', ec('P-521')],
  ['EdDSA', generateKeyPairSync('ed25519')],
])('a token that is signed by %s is taken', async (algorithm, { privateKey, publicKey }) => {
  const keys = KeySet.parse(keySet([publicKey, { kid: 'one' }]));
  expect(await keys.authenticate(await sign(privateKey, algorithm, {}, 'one'), rules)).toEqual(account);
  // Without a name of its key, too.
  expect(await keys.authenticate(await sign(privateKey, algorithm), rules)).toEqual(account);
});

test('a token is checked with the key that it names', async () => {
  const other = ec('P-256');
  const keys = KeySet.parse(keySet([other.publicKey, { kid: 'old' }], [p256.publicKey, { kid: 'new' }]));
  expect(await keys.authenticate(await sign(p256.privateKey, 'ES256', {}, 'new'), rules)).toEqual(account);
  expect(await keys.authenticate(await sign(p256.privateKey, 'ES256'), rules)).toEqual(account);
  const named = keys.authenticate(await sign(p256.privateKey, 'ES256', {}, 'old'), rules);
  await expect(named).rejects.toMatchObject({
    reason: 'not authenticated',
    message: expect.stringContaining('no key'),
  });
});

test.each([
  ['ended', { exp: seconds - 21 }, 'not authenticated', 'the token ended at 2026-01-02T03:03:44.000Z'],
  ['without an end', { exp: undefined }, 'not authenticated', 'the token has no end (exp)'],
  ['with an end that is no time', { exp: 'never' }, 'not authenticated', 'the token has no end (exp)'],
  [
    'of the future',
    { nbf: seconds + 21 },
    'not authenticated',
    'the token is not valid before 2026-01-02T03:04:26.000Z',
  ],
  ['for others', { aud: ['api'] }, 'not authenticated', 'the token is for ["api"], not for identity.l5d.io'],
  ['for nobody', { aud: undefined }, 'not authenticated', 'the token is for nobody, not for identity.l5d.io'],
  ['of another issuer', { iss: 'evil' }, 'not authenticated', 'the token is of the issuer "evil", not of api'],
  ['without issuer', { iss: undefined }, 'not authenticated', 'the token is of the issuer nobody, not of api'],
  ['of a user', { sub: 'system:admin' }, 'not authenticated', 'the token is not that of a service account'],
  ['with much to say', { aud: 'x'.repeat(5000) }, 'not authenticated', `"${'x'.repeat(199)}, not for identity.l5d.io`],
])('a token %s is refused', async (_, changed, reason, message) => {
  const keys = KeySet.parse(keySet([p256.publicKey]), 'api');
  const token = await sign(p256.privateKey, 'ES256', changed);
  await expect(keys.authenticate(token, rules)).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(message),
  });
});

test('clocks may be apart by so much', async () => {
  const keys = KeySet.parse(keySet([p256.publicKey]));
  const token = await sign(p256.privateKey, 'ES256', { exp: seconds - 19, nbf: seconds + 19 });
  expect(await keys.authenticate(token, rules)).toEqual(account);
});

test('a token cannot say how it is to be checked', async () => {
  const keys = KeySet.parse(keySet([p256.publicKey, { kid: 'one' }]));
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [, body, signature] = (await sign(p256.privateKey, 'ES256')).split('.');
  const none = `${encode({ alg: 'none' })}.${body}.${signature}`;
  await expect(keys.authenticate(none, rules)).rejects.toThrow('no key of the key set');
  // The public key as the secret of both.
  const secret = Buffer.from(p256.publicKey.export({ format: 'pem', type: 'spki' }) as string);
  const shared = await new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .sign(secret);
  await expect(keys.authenticate(shared, rules)).rejects.toThrow('no key of the key set');
  // What the checker does not know, and must.
  const critical = await new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'ES256', crit: ['x'], x: 1 })
    .sign(p256.privateKey, { crit: { x: true } });
  await expect(keys.authenticate(critical, rules)).rejects.toMatchObject({ reason: 'not authenticated' });
});

test.each(['', 'a.b', 'a.b.c', 'e30.e30.e30', `${'x'.repeat(20_000)}.b.c`, 'a.b.c.d.e'])(
  'what is no token is none: %.20s',
  async (token) => {
    const keys = KeySet.parse(keySet([p256.publicKey]));
    await expect(keys.authenticate(token, rules)).rejects.toMatchObject({ name: 'Error' });
  },
);

test.each([
  ['{', 'must be JSON'],
  ['{}', "must be a JSON Web Key Set: an object with a list 'keys'"],
  ['{"keys":[]}', 'has no key that can check signatures'],
  ['{"keys":[{"kty":"oct","k":"AA"}]}', 'must be a public key'],
])('what is no key set says why: %s', (text, message) => {
  expect(() => KeySet.parse(text)).toThrow(message);
});

test('the API server’s keys are taken with the issuer that it names; those of before stay where it gives none', async () => {
  const answers: Record<string, unknown> = {
    '/openid/v1/jwks': JSON.parse(keySet([p256.publicKey])),
    '/.well-known/openid-configuration': { issuer: 'api' },
  };
  const onProblem = vi.fn();
  const api = { get: async <T>(path: string) => answers[path] as T };
  const keys = new PublishedKeys({ api, onProblem });
  const authenticator = new KeySetAuthenticator(
    { audience: rules.audience, clockSkewMs: rules.skewMs, nowMs: () => nowMs },
    () => keys.current,
  );
  const token = await sign(p256.privateKey, 'ES256');
  await expect(authenticator.authenticate(token)).rejects.toMatchObject({ reason: 'review failed' });
  await keys.refresh();
  expect(await authenticator.authenticate(token)).toEqual(account);
  const foreign = await sign(p256.privateKey, 'ES256', { iss: 'another' });
  await expect(authenticator.authenticate(foreign)).rejects.toThrow('the token is of the issuer "another", not of api');
  answers['/.well-known/openid-configuration'] = {};
  await keys.refresh();
  await keys.refresh();
  expect(onProblem.mock.calls).toEqual([
    ["the API server's keys for tokens: /.well-known/openid-configuration names no issuer"],
  ]);
  expect(await authenticator.authenticate(token)).toEqual(account);
  keys.close();
});
