import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate with its key. */
export interface CertificateWithKey {
  /** PEM; followed by intermediates if there are any. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

export interface AuthorityOptions {
  /** Common name, and the one DNS name. */
  readonly name: string;
  readonly lifetimeMs: number;
  readonly nowMs: number;
  /** How many authorities may stand below this one; no limit by default. */
  readonly pathLength?: number;
  /** By default it signs itself. */
  readonly signedBy?: CertificateWithKey;
}

export interface ServerCertificateOptions {
  /** Names that clients dial, at least one. */
  readonly dnsNames: readonly string[];
  readonly lifetimeMs: number;
  readonly nowMs: number;
  readonly signedBy: CertificateWithKey;
}

export const ecdsaP256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Clocks of other machines may be behind; of short lives it is a tenth. */
const maxBackdatingMs = 300_000;

/** Makes a certificate authority with a new P-256 key. It ends with its signer at the latest. */
export async function createAuthority(options: AuthorityOptions): Promise<CertificateWithKey> {
  const keys = await webcrypto.subtle.generateKey(ecdsaP256, true, ['sign', 'verify']);
  const signer = options.signedBy && (await readSigner(options.signedBy));
  const certificate = await issueAuthority(options, keys.publicKey, keys.privateKey, signer);
  return { certificate: pemOf(certificate), key: await keyPem(keys.privateKey) };
}

/**
 * The same authority (name and key) with a certificate that `signedBy` signed: for peers that know only the signer. PEM.
 * It ends with the earlier of the two.
 */
export async function crossSign(
  authority: string,
  signedBy: CertificateWithKey,
  options: { readonly lifetimeMs: number; readonly nowMs: number },
): Promise<string> {
  const subject = new X509Certificate(authority);
  const signer = await readSigner(signedBy);
  const lifetimeMs = Math.min(options.lifetimeMs, subject.notAfter.getTime() - options.nowMs);
  const key = await subject.publicKey.export();
  const name = subject.subjectName.getField('CN')[0] ?? '';
  return pemOf(await issueAuthority({ ...options, name, lifetimeMs }, key, signer.key, signer));
}

/** Makes a certificate for a TLS server with a new P-256 key. It ends with its signer at the latest. */
export async function createServerCertificate(options: ServerCertificateOptions): Promise<CertificateWithKey> {
  if (options.dnsNames.length === 0) throw new Error("'dnsNames' must name at least one name");
  const keys = await webcrypto.subtle.generateKey(ecdsaP256, true, ['sign', 'verify']);
  const signer = await readSigner(options.signedBy);
  const certificate = await X509CertificateGenerator.create({
    ...(await frame(options, keys.publicKey, signer)),
    signingKey: signer.key,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      // Critical, since the subject is empty (RFC 5280 section 4.2.1.6).
      new SubjectAlternativeNameExtension(
        options.dnsNames.map((value) => ({ type: 'dns' as const, value })),
        true,
      ),
      ...(await keyIdentifiers(keys.publicKey, signer)),
    ],
  });
  return { certificate: pemOf(certificate), key: await keyPem(keys.privateKey) };
}

/** 126 random bits: positive, and never used before (RFC 5280 section 4.1.2.2). */
export function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return bytes.toString('hex');
}

interface Signer {
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

async function readSigner({ certificate, key }: CertificateWithKey): Promise<Signer> {
  const privateKey = createPrivateKey(key);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('the key of the signing authority must be ECDSA P-256');
  }
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    certificate: new X509Certificate(certificate),
    key: await webcrypto.subtle.importKey('pkcs8', pkcs8, ecdsaP256, false, ['sign']),
  };
}

async function issueAuthority(
  options: AuthorityOptions,
  publicKey: webcrypto.CryptoKey,
  ownKey: webcrypto.CryptoKey,
  signer: Signer | undefined,
): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    ...(await frame(options, publicKey, signer)),
    subject: [{ CN: [options.name] }],
    issuer: signer?.certificate.subjectName.toJSON() ?? [{ CN: [options.name] }],
    signingKey: signer?.key ?? ownKey,
    extensions: [
      new BasicConstraintsExtension(true, options.pathLength, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: options.name }]),
      ...(await keyIdentifiers(publicKey, signer)),
    ],
  });
}

/** What every certificate has, whatever it is for. */
async function frame(
  { lifetimeMs, nowMs }: { readonly lifetimeMs: number; readonly nowMs: number },
  publicKey: webcrypto.CryptoKey,
  signer: Signer | undefined,
) {
  const endMs = Math.min(nowMs + lifetimeMs, signer?.certificate.notAfter.getTime() ?? Number.POSITIVE_INFINITY);
  if (endMs <= nowMs) throw new Error('the certificate of the signing authority has ended');
  return {
    serialNumber: serialNumber(),
    issuer: signer?.certificate.subjectName.toJSON(),
    notBefore: new Date(nowMs - Math.min(maxBackdatingMs, lifetimeMs / 10)),
    notAfter: new Date(endMs),
    publicKey,
    signingAlgorithm: ecdsaP256,
  };
}

async function keyIdentifiers(publicKey: webcrypto.CryptoKey, signer: Signer | undefined): Promise<Extension[]> {
  const signerKey: PublicKey | webcrypto.CryptoKey = signer?.certificate.publicKey ?? publicKey;
  return [
    await SubjectKeyIdentifierExtension.create(publicKey),
    await AuthorityKeyIdentifierExtension.create(signerKey),
  ];
}

const pemOf = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const body = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${body.replace(/.{64}(?!$)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
