import 'reflect-metadata';
import { createPrivateKey, X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface Leaf {
  readonly certificate: Uint8Array;
  /** From the issuer up, without the trust anchor. */
  readonly intermediates: readonly Uint8Array[];
  readonly notAfter: Date;
}

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Signs leaves with the issuer's key. Made once for each issuer certificate; a renewed one makes a new Issuer. */
export class Issuer {
  readonly notAfter: Date;
  private readonly certificate: X509Certificate;
  private readonly key: webcrypto.CryptoKey;
  private readonly intermediates: readonly Uint8Array[];

  private constructor(
    certificate: X509Certificate,
    key: webcrypto.CryptoKey,
    intermediates: readonly Uint8Array[],
    notAfter: Date,
  ) {
    this.certificate = certificate;
    this.key = key;
    this.intermediates = intermediates;
    this.notAfter = notAfter;
  }

  /**
   * Reads the issuer from PEM: its certificate, followed by intermediates if there are any, and its key. Throws with
   * what is wrong when it is no certificate authority, has no P-256 key, does not belong to its key, is not valid now,
   * or does not lead to one of the trust anchors.
   */
  static async load(pem: { certificate: string; key: string; trustAnchors: string }, nowMs: number): Promise<Issuer> {
    const chain = (pem.certificate.match(pemBlock) ?? []).map((block) => new NodeCertificate(block));
    const anchors = (pem.trustAnchors.match(pemBlock) ?? []).map((block) => new NodeCertificate(block));
    if (chain.length === 0) throw new Error('the issuer certificate must be PEM');
    if (anchors.length === 0) throw new Error('the trust anchors must be PEM certificates');
    const [issuer] = chain;
    const key = createPrivateKey(pem.key);
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error("the issuer's key must be ECDSA P-256");
    if (!issuer.ca) throw new Error(`the issuer certificate (${issuer.subject}) must be a certificate authority`);
    if (!issuer.checkPrivateKey(key)) throw new Error('the issuer key does not belong to the issuer certificate');

    const ends = chain.map(({ validTo }) => Date.parse(validTo));
    const begins = chain.map(({ validFrom }) => Date.parse(validFrom));
    if (Math.min(...ends) <= nowMs) throw new Error(`the issuer certificate ended on ${issuer.validTo}`);
    if (Math.max(...begins) > nowMs) throw new Error(`the issuer certificate is not valid before ${issuer.validFrom}`);
    for (let i = 0; i + 1 < chain.length; i++) {
      if (!chain[i].verify(chain[i + 1].publicKey))
        throw new Error(`${chain[i + 1].subject} did not sign the certificate below it`);
    }
    const top = chain[chain.length - 1];
    const isAnchor = anchors.some((anchor) => anchor.fingerprint256 === top.fingerprint256);
    const anchor = anchors.find((candidate) => top.verify(candidate.publicKey));
    if (!isAnchor && anchor === undefined) throw new Error('the issuer certificate does not lead to a trust anchor');
    const anchorEnd = isAnchor || anchor === undefined ? Number.POSITIVE_INFINITY : Date.parse(anchor.validTo);

    const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const cryptoKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
    const notAfter = new Date(Math.min(...ends, anchorEnd));
    // A peer that has the anchor needs no copy of it.
    const shown = isAnchor ? chain.slice(0, -1) : chain;
    return new Issuer(
      new X509Certificate(issuer.raw),
      cryptoKey,
      shown.map(({ raw }) => raw),
      notAfter,
    );
  }

  /** A leaf for `name`, valid from `skewMs` ago for `lifetimeMs` and as much again, but no longer than its chain. */
  async sign(name: string, key: PublicKey, nowMs: number, lifetimeMs: number, skewMs: number): Promise<Leaf> {
    const notAfter = new Date(Math.min(nowMs + lifetimeMs + skewMs, this.notAfter.getTime()));
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer: this.certificate.subjectName.toJSON(),
      notBefore: new Date(nowMs - skewMs),
      notAfter,
      publicKey: key,
      signingKey: this.key,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        // Critical, since the subject is empty (RFC 5280 section 4.2.1.6).
        new SubjectAlternativeNameExtension([{ type: 'dns', value: name }], true),
      ],
    });
    return { certificate: new Uint8Array(leaf.rawData), intermediates: this.intermediates, notAfter };
  }
}

/** 127 random bits: positive, and never used before (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return bytes.toString('hex');
}
