import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { endOf } from './bundle.ts';
import {
  authorityConstraints,
  authorityKeyId,
  commonName,
  dnsNames,
  emptyName,
  keyPurposes,
  noAuthority,
  oid,
  signCertificate,
  signsCertificates,
  signsHandshakes,
  subjectKeyId,
  subjectOf,
} from './certificate-parts.ts';

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

/** Clocks of other machines may be behind; of short lives it is a tenth. */
const maxBackdatingMs = 300_000;

/** Makes a certificate authority with a new P-256 key. It ends with its signer at the latest. */
export async function createAuthority(options: AuthorityOptions): Promise<CertificateWithKey> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = options.signedBy && readSigner(options.signedBy);
  const subject = commonName(options.name);
  const names = [options.name];
  const certificate = issueAuthority({ ...options, subject, names }, keys.publicKey, signer ?? keys.privateKey);
  return { certificate, key: keyPem(keys.privateKey) };
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
  const known = new X509Certificate(authority);
  const lifetimeMs = Math.min(options.lifetimeMs, endOf(known) - options.nowMs);
  const names = (known.subjectAltName ?? '').split(', ').flatMap((name) => /^DNS:([^"]+)$/.exec(name)?.[1] ?? []);
  const subject = subjectOf(known.raw);
  return issueAuthority({ ...options, subject, names, lifetimeMs }, known, readSigner(signedBy));
}

/** Makes a certificate for a TLS server with a new P-256 key. It ends with its signer at the latest. */
export async function createServerCertificate(options: ServerCertificateOptions): Promise<CertificateWithKey> {
  if (options.dnsNames.length === 0) throw new Error("'dnsNames' must name at least one name");
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = readSigner(options.signedBy);
  const certificate = signCertificate(
    {
      ...validity(options, signer),
      issuer: subjectOf(signer.certificate.raw),
      subject: emptyName,
      publicKey: keys.publicKey,
      extensions: [
        noAuthority,
        signsHandshakes,
        keyPurposes(oid.serverAuth),
        dnsNames(options.dnsNames, true),
        subjectKeyId(keys.publicKey),
        authorityKeyId(signer.certificate),
      ],
    },
    signer.key,
  );
  return { certificate: pemOf(certificate), key: keyPem(keys.privateKey) };
}

interface Signer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

function readSigner({ certificate, key }: CertificateWithKey): Signer {
  const privateKey = createPrivateKey(key);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('the key of the signing authority must be ECDSA P-256');
  }
  return { certificate: new X509Certificate(certificate), key: privateKey };
}

interface Authority {
  readonly subject: Uint8Array;
  readonly names: readonly string[];
  readonly lifetimeMs: number;
  readonly nowMs: number;
  readonly pathLength?: number;
}

/** PEM. `owner`: the authority's public key, or another certificate of it; `signer`: the authority above, or its own key. */
function issueAuthority(authority: Authority, owner: X509Certificate | KeyObject, signer: Signer | KeyObject): string {
  const above = 'certificate' in signer ? signer : undefined;
  const certificate = signCertificate(
    {
      ...validity(authority, above),
      issuer: above === undefined ? authority.subject : subjectOf(above.certificate.raw),
      subject: authority.subject,
      publicKey: 'raw' in owner ? owner.publicKey : owner,
      extensions: [
        authorityConstraints(authority.pathLength),
        signsCertificates,
        ...(authority.names.length === 0 ? [] : [dnsNames(authority.names, false)]),
        subjectKeyId(owner),
        authorityKeyId(above?.certificate ?? owner),
      ],
    },
    'certificate' in signer ? signer.key : signer,
  );
  return pemOf(certificate);
}

function validity(
  { lifetimeMs, nowMs }: { readonly lifetimeMs: number; readonly nowMs: number },
  signer: Signer | undefined,
): { notBeforeMs: number; notAfterMs: number } {
  const signerEndMs = signer === undefined ? Number.POSITIVE_INFINITY : endOf(signer.certificate);
  const notAfterMs = Math.min(nowMs + lifetimeMs, signerEndMs);
  if (notAfterMs <= nowMs) throw new Error('the certificate of the signing authority has ended');
  return { notBeforeMs: nowMs - Math.min(maxBackdatingMs, lifetimeMs / 10), notAfterMs };
}

const pemOf = (certificate: Uint8Array): string => new X509Certificate(certificate).toString();

const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
