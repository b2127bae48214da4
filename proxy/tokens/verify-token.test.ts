import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Algorithm, Issuer } from './testing/issuer.ts';
import type { IssuerRule } from './token-policy.ts';
import { maxTokenLength, TokenVerifier } from './verify-token.ts';

const issuer = new Issuer('https://issuer.test');
const other = new Issuer('https://other.test', 'ES256', 'k2');
const rule = (of: Issuer, changes: Partial<IssuerRule> = {}): IssuerRule => ({
  issuer: of.name,
  audiences: ['shop'],
  keys: of.keys,
  forwardsToken: false,
  claimsToHeaders: [],
  ...changes,
});
const now = Date.now();
const seconds = (ms: number) => Math.floor((now + ms) / 1000);
const verdict = async (token: string, ...rules: IssuerRule[]): Promise<string> => {
  const found = await new TokenVerifier(rules.length > 0 ? rules : [rule(issuer)]).verify(token, now);
  return 'refused' in found ? found.why : `holds for ${found.claims['sub']}`;
};
const aud = 'shop';

it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as Algorithm[])(
  'a token that is signed with %s holds',
  async (algorithm) => {
    const signing = new Issuer('https://issuer.test', algorithm);
    expect(await verdict(await signing.token({ aud }), rule(signing))).toBe('holds for ann');
  },
);

it('an audience of several is enough, and none is asked for where none is named', async () => {
  expect(await verdict(await issuer.token({ aud: ['a', 'shop'] }))).toBe('holds for ann');
  expect(await verdict(await issuer.token(), rule(issuer, { audiences: [] }))).toBe('holds for ann');
});

it.each([
  ['no end', { aud, exp: undefined }, 'it says no end'],
  ['an end that is past, and more than clocks differ', { aud, exp: seconds(-61_000) }, 'it has ended'],
  ['a beginning that is to come', { aud, nbf: seconds(65_000) }, 'it is not valid yet'],
  ['another audience', { aud: 'bank' }, 'it is for another audience'],
  ['no audience', {}, 'it is for another audience'],
  ['another issuer', { aud, iss: 'https://evil.test' }, 'its issuer is not one of those that are trusted here'],
  ['no issuer', { aud, iss: undefined }, 'its issuer is not one of those that are trusted here'],
  ['the issuer in a list', { aud, iss: ['https://issuer.test'] }, /issuer is not|JSON Web Token|wrong form/],
  ['an end that is a text', { aud, exp: '9999999999' }, 'it says no end'],
  ['a name of the prototype', { aud, iss: '__proto__' }, 'its issuer is not one of those that are trusted here'],
])('one of %s is refused', async (_, claims, why) => {
  expect(await verdict(await issuer.token(claims))).toMatch(why);
});

it('clocks may differ by a minute', async () => {
  expect(await verdict(await issuer.token({ aud, exp: seconds(-50_000) }))).toBe('holds for ann');
  expect(await verdict(await issuer.token({ aud, nbf: seconds(50_000) }))).toBe('holds for ann');
});

const rsa = new Issuer('https://issuer.test', 'RS256');
it.each([
  ['unsigned, alg: none', () => rsa.forged({ alg: 'none' }, () => Buffer.alloc(0))],
  ['alg: none and a signature', () => rsa.forged({ alg: 'none' }, () => Buffer.from('x'))],
  ['alg: NONE and the kid', () => rsa.forged({ alg: 'NONE', kid: 'k1' }, () => Buffer.from('x'))],
  ['no alg', () => rsa.forged({}, () => Buffer.from('x'))],
  ['alg as a list', () => rsa.forged({ alg: ['RS256'] }, () => Buffer.from('x'))],
  ['an HMAC with the public key as its secret', () => rsa.confused()],
  ['the same, and RS256 for its name', () => rsa.confused({ alg: 'RS256', kid: 'k1' })],
  ['a key of its own in the header', () => rsa.confused({ alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } })],
])('a token with %s is refused', async (_, make) => {
  expect(await verdict(make(), rule(rsa, { audiences: [] }))).toMatch(
    /no key of its issuer signed it|no JSON Web Token/,
  );
});

it('a key is used for its own algorithm alone', async () => {
  const [{ jwk }] = rsa.keys;
  const pss = rule(rsa, { audiences: [], keys: [{ jwk, algorithms: ['PS256'] }] });
  expect(await verdict(await rsa.token(), pss)).toBe('no key of its issuer signed it');
});

it('the kid of another key, or of another issuer, is refused', async () => {
  const rules = [rule(issuer), rule(other)];
  expect(await verdict(await issuer.token({ aud }, { kid: 'k2' }), ...rules)).toBe('no key of its issuer signed it');
  expect(await verdict(await other.token({ aud, iss: issuer.name }), ...rules)).toBe('no key of its issuer signed it');
  expect(await verdict(await other.token({ aud }), ...rules)).toBe('holds for ann');
});

it('without a kid each key of the algorithm is tried, up to a bound', async () => {
  const more = (count: number) => Array.from({ length: count }, () => new Issuer('x').keys[0]);
  const token = await issuer.token({ aud }, { kid: undefined });
  expect(await verdict(token, rule(issuer, { keys: [...more(3), ...issuer.keys] }))).toBe('holds for ann');
  const late = rule(issuer, { keys: [...more(4), ...issuer.keys] });
  expect(await verdict(token, late)).toBe('no key of its issuer signed it');
});

it('one issuer may be trusted by several rules, and what is told is what came nearest', async () => {
  const rules = [rule(issuer, { keys: other.keys }), rule(issuer, { audiences: ['bank'] })];
  expect(await verdict(await issuer.token({ aud: 'bank' }), ...rules)).toBe('holds for ann');
  expect(await verdict(await issuer.token({ aud }), ...rules)).toBe('it is for another audience');
});

it('as long as the keys are not known, no token holds', async () => {
  const found = await new TokenVerifier([rule(issuer, { keys: [] })]).verify(await issuer.token({ aud }), now);
  expect(found).toEqual({ refused: 'no keys', why: 'the keys of its issuer are not known' });
});

it('a header that says what must be understood, and is not, is refused', async () => {
  const token = await issuer.token({ aud }, { crit: ['x'], x: 1 });
  expect(await verdict(token)).toBe('its header asks for what is not supported');
  const plain = rsa.forged({ alg: 'RS256', crit: ['b64'], b64: false }, () => Buffer.from('x'));
  expect(await verdict(plain, rule(rsa, { audiences: [] }))).toBe('no key of its issuer signed it');
});

it.each([
  ['nothing', ''],
  ['two parts', 'a.b'],
  ['five parts, as encrypted ones have', 'a.b.c.d.e'],
  ['what is no base64url', 'a.b.=='],
  ['white space', 'e30.e30 .e30'],
  ['no JSON', 'a.b.c'],
])('%s is no token', async (_, token) => {
  expect(await verdict(token)).toBe('it is no JSON Web Token');
});

it('a token with many signatures is no token', async () => {
  expect(await verdict(await issuer.manySignatures(20))).toBe('it is no JSON Web Token');
});

it('a token of more than its bound is refused unread', async () => {
  const token = await issuer.token({ aud, more: 'x'.repeat(maxTokenLength) });
  expect(await verdict(token)).toBe('it has more than 16384 characters');
});

it('any change of any character is refused, also of those whose bits no decoder reads', async () => {
  const tokens = await Promise.all(
    (['RS256', 'ES256', 'EdDSA'] as Algorithm[]).map(async (algorithm) => {
      const signing = new Issuer('https://issuer.test', algorithm);
      return { token: await signing.token({ aud }), verifier: new TokenVerifier([rule(signing)]) };
    }),
  );
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= +/';
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...tokens),
      fc.oneof(
        fc.nat(),
        fc.nat(3).map((behind) => -1 - behind),
      ),
      fc.constantFrom(...characters, ''),
      fc.constantFrom(0, 1),
      async ({ token, verifier }, at, character, replaced) => {
        const place = at < 0 ? token.length + at : at % token.length;
        const changed = token.slice(0, place) + character + token.slice(place + replaced);
        fc.pre(changed !== token);
        expect(await verifier.verify(changed, now)).toMatchObject({ refused: 'invalid' });
      },
    ),
    { numRuns: 400 },
  );
});
