import 'reflect-metadata';
import { generateKeyPairSync, type KeyObject, sign, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate authority for tests. */
export interface TestAuthority {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  /** PEM. */
  readonly pem: string;
  readonly keyPem: string;
}

const day = 86_400_000;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Makes an authority, signed by `parent` or by itself. */
export async function testAuthority(
  name: string,
  options: { parent?: TestAuthority; notBefore?: Date; notAfter?: Date; ca?: boolean } = {},
): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
    subject: `CN=${name}`,
    issuer: options.parent?.certificate.subject ?? `CN=${name}`,
    notBefore: options.notBefore ?? new Date(Date.now() - day),
    notAfter: options.notAfter ?? new Date(Date.now() + 365 * day),
    publicKey: keys.publicKey,
    signingKey: options.parent?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ecdsa,
    extensions: [
      new BasicConstraintsExtension(options.ca ?? true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${Buffer.from(pkcs8).toString('base64')}\n-----END PRIVATE KEY-----\n`;
  return { certificate, keys, pem: `${certificate.toString('pem')}\n`, keyPem };
}

/** Signs service account tokens for tests. */
export class TestTokens {
  readonly keySet: string;
  private readonly key: KeyObject;

  constructor(id = 'test') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.key = privateKey;
    this.keySet = JSON.stringify({
      keys: [{ ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'ES256', use: 'sig' }],
    });
  }

  issue(subject: string, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const seconds = Math.floor(Date.now() / 1000);
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode({ alg: 'ES256', kid: 'test', ...header })}.${encode({
      sub: `system:serviceaccount:${subject}`,
      aud: ['identity.l5d.io'],
      iat: seconds,
      exp: seconds + 3600,
      ...claims,
    })}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: this.key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }
}
