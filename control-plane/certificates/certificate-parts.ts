import { createHash, type KeyObject, randomBytes, sign, type X509Certificate } from 'node:crypto';
import { der, Fields, numbered, readElement, readElements, tag } from './der.ts';

/** Object identifiers by what they name (RFC 5280, RFC 5758). */
export const oid = {
  commonName: '550403',
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  authorityKeyIdentifier: '551d23',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
  extensionRequest: '2a864886f70d01090e',
  ecdsaWithSha256: '2a8648ce3d040302',
  ecdsaWithSha384: '2a8648ce3d040303',
  ecdsaWithSha512: '2a8648ce3d040304',
} as const;

const identifier = (hex: string): Buffer => der(tag.objectIdentifier, Buffer.from(hex, 'hex'));
const yes = der(tag.boolean, Buffer.from([0xff]));
const signatureAlgorithm = der(tag.sequence, identifier(oid.ecdsaWithSha256));
const version3 = der(numbered(0), der(tag.integer, Buffer.from([2])));

/** A name without any part. */
export const emptyName = der(tag.sequence);

export function commonName(text: string): Buffer {
  const part = der(tag.sequence, identifier(oid.commonName), der(tag.utf8String, Buffer.from(text)));
  return der(tag.sequence, der(tag.set, part));
}

export interface CertificateParts {
  /** Names as they stand in DER: an issuer's must be byte for byte the subject of its certificate. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
}

/** A certificate in DER (RFC 5280), signed with a P-256 key. */
export function signCertificate(parts: CertificateParts, signingKey: KeyObject): Buffer {
  const toSign = der(
    tag.sequence,
    version3,
    der(tag.integer, serialNumber()),
    signatureAlgorithm,
    parts.issuer,
    der(tag.sequence, time(parts.notBeforeMs), time(parts.notAfterMs)),
    parts.subject,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    der(numbered(3), der(tag.sequence, ...parts.extensions)),
  );
  const signature = sign('sha256', toSign, signingKey);
  return der(tag.sequence, toSign, signatureAlgorithm, der(tag.bitString, Buffer.from([0]), signature));
}

/** 126 random bits: positive, and never used before (RFC 5280 section 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return bytes;
}

/** Of two digits for the year up to 2049 (RFC 5280 section 4.1.2.5), in whole seconds. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(tag.utcTime, Buffer.from(`${text.slice(2)}Z`))
    : der(tag.generalizedTime, Buffer.from(`${text}Z`));
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return der(tag.sequence, identifier(id), ...(critical ? [yes] : []), der(tag.octetString, value));
}

/** `pathLength`: how many authorities may stand below this one; no limit without. */
export function authorityConstraints(pathLength: number | undefined): Buffer {
  const limit = pathLength === undefined ? [] : [der(tag.integer, Buffer.from([pathLength]))];
  return extension(oid.basicConstraints, true, der(tag.sequence, yes, ...limit));
}

export const noAuthority = extension(oid.basicConstraints, true, der(tag.sequence));

/** Bits of a key usage, the first being the highest. */
const usage = (bits: number, unused: number): Buffer =>
  extension(oid.keyUsage, true, der(tag.bitString, Buffer.from([unused, bits])));
export const signsHandshakes = usage(0b1000_0000, 7);
export const signsHandshakesAndSealsKeys = usage(0b1010_0000, 5);
export const signsCertificates = usage(0b0000_0110, 1);

export function keyPurposes(...purposes: readonly string[]): Buffer {
  return extension(oid.extendedKeyUsage, false, der(tag.sequence, ...purposes.map(identifier)));
}

/** Critical where the subject is empty (RFC 5280 section 4.2.1.6). */
export function dnsNames(names: readonly string[], critical: boolean): Buffer {
  const entries = names.map((name) => der(0x82, Buffer.from(name, 'ascii')));
  return extension(oid.subjectAltName, critical, der(tag.sequence, ...entries));
}

export function subjectKeyId(owner: X509Certificate | KeyObject): Buffer {
  return extension(oid.subjectKeyIdentifier, false, der(tag.octetString, keyId(owner)));
}

export function authorityKeyId(signer: X509Certificate | KeyObject): Buffer {
  return extension(oid.authorityKeyIdentifier, false, der(tag.sequence, der(0x80, keyId(signer))));
}

/**
 * As the owner's certificate names its key, where it does, since clients compare such names. Else the SHA-1 of the key's
 * bits (RFC 5280 section 4.2.1.2): a name, not a proof.
 */
function keyId(owner: X509Certificate | KeyObject): Buffer {
  const given = 'raw' in owner ? subjectKeyIdOf(owner.raw) : undefined;
  if (given !== undefined) return given;
  const publicKey = 'raw' in owner ? owner.publicKey : owner;
  const info = new Fields(readElement(publicKey.export({ type: 'spki', format: 'der' })));
  info.take(tag.sequence);
  return createHash('sha1').update(info.take(tag.bitString).content.subarray(1)).digest();
}

/** The subject of a certificate, as it stands in it. */
export function subjectOf(certificate: Uint8Array): Buffer {
  return certificateFields(certificate).subject;
}

function subjectKeyIdOf(certificate: Uint8Array): Buffer | undefined {
  const { extensions } = certificateFields(certificate);
  const value = extensions === undefined ? undefined : extensionValues(extensions, oid.subjectKeyIdentifier)[0];
  return value === undefined ? undefined : readElement(value, tag.octetString).content;
}

function certificateFields(certificate: Uint8Array): { subject: Buffer; extensions: Uint8Array | undefined } {
  const fields = new Fields(new Fields(readElement(certificate)).take());
  fields.optional(numbered(0));
  fields.take(tag.integer);
  fields.take(tag.sequence);
  fields.take(tag.sequence);
  fields.take(tag.sequence);
  const subject = fields.take(tag.sequence).raw;
  fields.take(tag.sequence);
  fields.optional(0x81);
  fields.optional(0x82);
  return { subject, extensions: fields.optional(numbered(3))?.content };
}

/** What the extensions of a kind hold; `extensions` is the sequence of all. */
export function extensionValues(extensions: Uint8Array, id: string): Buffer[] {
  return readElements(readElement(extensions, tag.sequence).content).flatMap((each) => {
    const fields = new Fields(each);
    const found = fields.take(tag.objectIdentifier).content.toString('hex') === id;
    fields.optional(tag.boolean);
    const value = fields.take(tag.octetString).content;
    return found ? [value] : [];
  });
}
