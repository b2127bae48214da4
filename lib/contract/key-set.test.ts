import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatKeySet, readKeySet } from './key-set.ts';

const jwkOf = (key: KeyObject): Record<string, unknown> => key.export({ format: 'jwk' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed = generateKeyPairSync('ed25519');
const read = (...keys: unknown[]) => readKeySet(JSON.stringify({ keys }));

it.each([
  ['RSA', jwkOf(rsa.publicKey), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['RSA of one algorithm', { ...jwkOf(rsa.publicKey), alg: 'PS256' }, ['PS256']],
  ['a curve', jwkOf(ec.publicKey), ['ES384']],
  ['Ed25519', { ...jwkOf(ed.publicKey), alg: 'Ed25519', kid: 'a', use: 'sig', key_ops: ['verify'] }, ['EdDSA']],
])('a key of %s checks what its type says, whatever a token says', (_, jwk, algorithms) => {
  expect(read(jwk)).toMatchObject({ keys: [{ algorithms }], problems: [] });
});

it.each([
  ['a shared secret', { kty: 'oct', k: 'c2VjcmV0' }, /^keys\[0\]: must be a public key: .*shared secret/],
  ['a private key', jwkOf(rsa.privateKey), /^keys\[0\]: must be a public key, without d/],
  ['a short RSA key', { kty: 'RSA', n: 'x'.repeat(171), e: 'AQAB' }, /from 2048 to 8192 bits, not 1024$/],
  ['an RSA key that costs', { kty: 'RSA', n: 'x'.repeat(2000), e: 'AQAB' }, /from 2048 to 8192 bits/],
  ['a kid without end', { ...jwkOf(ed.publicKey), kid: 'x'.repeat(513) }, /kid must be a text/],
  ['what is none', 7, /^keys\[0\]: must be an object$/],
])('%s is refused, and told with its place', (_, jwk, problem) => {
  const { keys, problems } = read(jwk);
  expect(keys).toEqual([]);
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

it.each([
  ['another use', { ...jwkOf(rsa.publicKey), use: 'enc' }],
  ['other operations', { ...jwkOf(rsa.publicKey), key_ops: ['encrypt'] }],
  ['another algorithm', { ...jwkOf(rsa.publicKey), alg: 'RSA-OAEP' }],
  ['HS256, which a token would be made with', { ...jwkOf(rsa.publicKey), alg: 'HS256' }],
  ['a curve that is not known', { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' }],
])('a key of %s is left out, and a set without any other has none', (_, jwk) => {
  expect(read(jwk)).toEqual({ keys: [], problems: ['has no key that can check signatures'] });
  expect(read(jwk, jwkOf(ed.publicKey))).toMatchObject({ keys: [{ algorithms: ['EdDSA'] }], problems: [] });
});

it('what is no key set is told', () => {
  expect(readKeySet('{').problems).toEqual(['must be JSON']);
  expect(readKeySet('null').problems).toEqual(["must be a JSON Web Key Set: an object with a list 'keys'"]);
  expect(readKeySet(' '.repeat(70_000)).problems).toEqual(['must have at most 65536 characters']);
});

it('a set has a bound', () => {
  const { keys, problems } = read(...Array.from({ length: 40 }, () => jwkOf(ed.publicKey)));
  expect([keys.length, problems]).toEqual([32, ['keys[32]: at most 32 keys are used']]);
});

it('what is written of keys is read as the same keys, without private parts', () => {
  const { keys } = read({ ...jwkOf(rsa.publicKey), alg: 'RS256', x5c: ['...'], kid: 'a' }, jwkOf(ec.publicKey));
  expect(readKeySet(formatKeySet(keys))).toEqual({ keys, problems: [] });
});

it('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      readKeySet(text);
      readKeySet(`{"keys":[${text}]}`);
    }),
  );
});
