import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { certificateSigningRequest } from '../../proxy/identity/csr.ts';
import { commonName, dnsNames, emptyName, oid } from '../certificates/certificate-parts.ts';
import { der, numbered, tag } from '../certificates/der.ts';
import { checkSigningRequest, SigningRequestError } from './signing-request.ts';

const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const id = (hex: string): Buffer => der(tag.objectIdentifier, Buffer.from(hex, 'hex'));

/** A request as other programs write it. */
function request(
  subject: Uint8Array,
  requests: readonly Uint8Array[],
  digest = 'sha256',
  algorithm: string = oid.ecdsaWithSha256,
) {
  const attributes = requests.map((extension) =>
    der(tag.sequence, id(oid.extensionRequest), der(tag.set, der(tag.sequence, extension))),
  );
  const info = der(
    tag.sequence,
    der(tag.integer, Buffer.from([0])),
    subject,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(numbered(0), ...attributes),
  );
  const signature = sign(digest, info, keys.privateKey);
  const signatureBits = der(tag.bitString, Buffer.from([0]), signature);
  return der(tag.sequence, info, der(tag.sequence, id(algorithm)), signatureBits);
}

test.each([
  ['without a common name', request(emptyName, [dnsNames([web], false)])],
  ['with the same common name', request(commonName(web), [dnsNames([web], false)])],
  ['signed by way of SHA-384', request(emptyName, [dnsNames([web], false)], 'sha384', oid.ecdsaWithSha384)],
])('a request %s gives its key', (_what, bytes) => {
  expect(checkSigningRequest(bytes, web).equals(keys.publicKey)).toBe(true);
});

const uri = der(
  tag.sequence,
  id(oid.subjectAltName),
  der(tag.octetString, der(tag.sequence, der(0x86, Buffer.from('spiffe://root')))),
);
test.each([
  ['another common name', request(commonName('api'), [dnsNames([web], false)]), 'the common name is api'],
  ['a second name', request(emptyName, [dnsNames([web, 'api'], false)]), `the DNS names are ${web}, api`],
  [
    'a second name in a second list',
    request(emptyName, [dnsNames([web], false), dnsNames(['api'], false)]),
    'DNS names',
  ],
  ['a name of another kind', request(emptyName, [dnsNames([web], false), uri]), 'a name of kind 6 is not allowed'],
  ['no name', request(emptyName, []), 'the DNS names are none'],
])('a request for %s is not allowed', (_what, bytes, message) => {
  expect(() => checkSigningRequest(bytes, web)).toThrow(message);
});

test('a request that was changed in any byte gives no key', () => {
  const whole = certificateSigningRequest(web, keys.privateKey, keys.publicKey);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(whole);
      bytes[at] ^= change;
      try {
        // The bits of a signature have several forms in DER; what is signed has one.
        expect(checkSigningRequest(bytes, web).equals(keys.publicKey)).toBe(true);
        expect(at).toBeGreaterThan(whole.length - 80);
      } catch (error) {
        expect(error).toBeInstanceOf(SigningRequestError);
      }
    }),
    { numRuns: 500 },
  );
  expect(() => checkSigningRequest(Buffer.alloc(20_000, 0x30), web)).toThrow('too long');
});

test('a request signed by way of SHA-1 is refused, whatever it says of the algorithm', () => {
  const ecdsaWithSha1 = '2a8648ce3d0401';
  for (const algorithm of [ecdsaWithSha1, oid.ecdsaWithSha256]) {
    const bytes = request(emptyName, [dnsNames([web], false)], 'sha1', algorithm);
    expect(() => checkSigningRequest(bytes, web)).toThrow(SigningRequestError);
  }
});
