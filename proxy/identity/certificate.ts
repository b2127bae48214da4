import { X509Certificate } from 'node:crypto';

/** A certificate as it was issued, with its key. */
export interface Certificate {
  /** PKCS#8, PEM. */
  readonly key: string;
  /** PEM: the leaf, then the intermediates. */
  readonly chain: string;
  readonly notAfterMs: number;
}

/** PEM of a DER certificate. */
export function certificatePem(der: Uint8Array): string {
  const base64 = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?!$)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

/**
 * Checks an issued leaf before it is used. Throws with what is wrong: another name, or a leaf whose chain does not lead
 * to a trust anchor.
 */
export function checkLeaf(
  leaf: Uint8Array,
  intermediates: readonly Uint8Array[],
  trustAnchors: string,
  name: string,
  nowMs: number,
): void {
  const certificate = new X509Certificate(leaf);
  if (certificate.subjectAltName !== `DNS:${name}`) {
    throw new Error(`the certificate is for ${certificate.subjectAltName ?? 'no name'}, not DNS:${name}`);
  }
  if (Date.parse(certificate.validTo) <= nowMs) throw new Error(`the certificate ended on ${certificate.validTo}`);
  const anchors = (trustAnchors.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  let top = certificate;
  for (const der of intermediates) {
    const issuer = new X509Certificate(der);
    if (!top.verify(issuer.publicKey)) throw new Error(`${issuer.subject} did not sign the certificate below it`);
    top = issuer;
  }
  const anchored = anchors.some(
    (anchor) => anchor.fingerprint256 === top.fingerprint256 || top.verify(anchor.publicKey),
  );
  if (!anchored) throw new Error('the chain does not lead to a trust anchor of this proxy');
}

/**
 * When to renew: at 70 % of what is left of the lifetime, within the limits (PX/linkerd/proxy/identity-client).
 * Milliseconds from now.
 */
export function renewalDelayMs(nowMs: number, notAfterMs: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, Math.max(minMs, 0.7 * (notAfterMs - nowMs)));
}
