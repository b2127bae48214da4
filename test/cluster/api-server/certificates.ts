import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  type JsonGeneralNames,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM texts, and what signs with the key. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface TestCertificateOptions {
  /** @default P-256 */
  readonly curve?: 'P-256' | 'P-384';
  /** Days from now; it has begun a day ago, or two days before. @default 1 */
  readonly endsIn?: number;
}

const day = 86_400_000;

/** A certificate for a test's cluster: an authority of its own without `issuer`, else signed by that. */
export async function testCertificate(
  subject: string,
  issuer?: TestCertificate,
  names: JsonGeneralNames = [],
  { curve = 'P-256', endsIn = 1 }: TestCertificateOptions = {},
): Promise<TestCertificate> {
  const algorithm = { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: new Date(Date.now() + Math.min(endsIn - 2, -1) * day),
    notAfter: new Date(Date.now() + endsIn * day),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(issuer === undefined, undefined, true),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  const pem = async (format: 'pkcs8' | 'spki', label: string): Promise<string> => {
    const der = await webcrypto.subtle.exportKey(format, format === 'pkcs8' ? keys.privateKey : keys.publicKey);
    return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;
  };
  return { cert: `${certificate.toString('pem')}\n`, key: await pem('pkcs8', 'PRIVATE KEY'), certificate, keys };
}
