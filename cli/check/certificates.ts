import { X509Certificate } from 'node:crypto';
import { certificateAnnotation } from '../../lib/contract/annotations.ts';
import { CheckFailure } from './check.ts';
import type { Secret } from './cluster-facts.ts';

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const dayMs = 86_400_000;

/** All certificates of a PEM text. Throws a CheckFailure that begins with `where`. */
export function readPem(text: string, where: string): X509Certificate[] {
  const blocks = text.match(pemBlock) ?? [];
  if (blocks.length === 0) throw new CheckFailure(`${where} holds no PEM certificate`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new CheckFailure(`${where}: certificate ${index + 1}: ${(error as Error).message}`);
    }
  });
}

/** The certificate of a TLS Secret, in either of the ways that issuers are kept, and whether a component renews it. */
export function certificateOf(secret: Secret): { readonly leaf: X509Certificate; readonly renewed: boolean } {
  const { metadata, data = {} } = secret;
  const where = `Secret ${metadata.namespace}/${metadata.name}`;
  const text = Buffer.from(data['tls.crt'] ?? data['crt.pem'] ?? '', 'base64').toString('utf8');
  const [leaf] = readPem(text, `${where}: tls.crt`);
  const made = metadata.annotations?.[certificateAnnotation];
  return { leaf, renewed: made !== undefined && made === leaf.fingerprint256.replaceAll(':', '').toLowerCase() };
}

export function isSupportedKey({ publicKey }: X509Certificate): boolean {
  if (publicKey.asymmetricKeyType === 'ec') return publicKey.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return publicKey.asymmetricKeyType === 'rsa' && (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
}

/** What is wrong with a certificate's time, now or within `days`; undefined when nothing is. */
export function validityFault(certificate: X509Certificate, nowMs: number, days = 0): string | undefined {
  const begin = certificate.validFromDate;
  const end = certificate.validToDate;
  if (begin.getTime() > nowMs) return `${title(certificate)} is not valid before ${begin.toISOString()}`;
  if (end.getTime() <= nowMs) return `${title(certificate)} has ended on ${end.toISOString()}`;
  if (end.getTime() - nowMs < days * dayMs) return `${title(certificate)} ends on ${end.toISOString()}`;
  return undefined;
}

/** Whether one of `authorities` has signed the certificate, or is it. */
export const isSignedByOne = (certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean =>
  authorities.some(
    (authority) =>
      authority.fingerprint256 === certificate.fingerprint256 ||
      (certificate.checkIssued(authority) && certificate.verify(authority.publicKey)),
  );

export const title = ({ subject, serialNumber }: X509Certificate): string =>
  subject ? subject.replaceAll('\n', ', ') : `certificate ${serialNumber}`;
