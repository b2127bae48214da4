import { X509Certificate } from 'node:crypto';

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in its order; text around them is passed over. Throws for one that cannot be read. */
export function readCertificates(pem: string): X509Certificate[] {
  return (pem.match(pemBlock) ?? []).map((block) => new X509Certificate(block));
}

/**
 * One PEM bundle of all certificates of `texts`, each once, in their order, without those that have ended. What cannot
 * be read makes it throw: leaving an authority out would cut off whoever relies on it.
 */
export function mergeBundles(texts: readonly string[], nowMs: number): string {
  const merged = new Map<string, string>();
  for (const certificate of texts.flatMap(readCertificates)) {
    if (endOf(certificate) > nowMs) merged.set(certificate.fingerprint256, certificate.toString());
  }
  return [...merged.values()].join('');
}

/** Whether both are the same certificates, in whatever order. */
export function areSame(a: readonly X509Certificate[], b: readonly X509Certificate[]): boolean {
  return fingerprints(a) === fingerprints(b);
}

function fingerprints(certificates: readonly X509Certificate[]): string {
  return certificates
    .map(({ fingerprint256 }) => fingerprint256)
    .sort()
    .join();
}

export const beginOf = (certificate: X509Certificate): number => Date.parse(certificate.validFrom);
export const endOf = (certificate: X509Certificate): number => Date.parse(certificate.validTo);
