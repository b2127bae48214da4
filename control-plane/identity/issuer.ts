import 'reflect-metadata';
import { createPrivateKey, type X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
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
import { beginOf, endOf, readCertificates } from '../certificates/bundle.ts';
import { serialNumber } from '../certificates/create-certificate.ts';

export interface Leaf {
  readonly certificate: Uint8Array;
  /** From the issuer up, without the trust anchor. */
  readonly intermediates: readonly Uint8Array[];
  readonly notAfter: Date;
}

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
    const chain = readCertificates(pem.certificate);
    const anchors = readCertificates(pem.trustAnchors);
    if (chain.length === 0) throw new Error('the issuer certificate must be PEM');
    if (anchors.length === 0) throw new Error('the trust anchors must be PEM certificates');
    const [issuer] = chain;
    const key = createPrivateKey(pem.key);
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error("the issuer's key must be ECDSA P-256");
    if (!issuer.ca) throw new Error(`the issuer certificate (${issuer.subject}) must be a certificate authority`);
    if (!issuer.checkPrivateKey(key)) throw new Error('the issuer key does not belong to the issuer certificate');
    const { path, shown } = pathToAnchor(chain, anchors);
    const lastBegin = path.reduce((last, next) => (beginOf(next) > beginOf(last) ? next : last));
    const firstEnd = path.reduce((first, next) => (endOf(next) < endOf(first) ? next : first));
    if (endOf(firstEnd) <= nowMs) throw new Error(`the certificate ${nameOf(firstEnd)} ended on ${firstEnd.validTo}`);
    if (beginOf(lastBegin) > nowMs) {
      throw new Error(`the certificate ${nameOf(lastBegin)} is not valid before ${lastBegin.validFrom}`);
    }

    const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const cryptoKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
    return new Issuer(
      new X509Certificate(issuer.raw),
      cryptoKey,
      shown.map(({ raw }) => raw),
      new Date(endOf(firstEnd)),
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

const nameOf = ({ subject }: NodeCertificate): string => subject.replaceAll('\n', ', ') || 'without a subject';

/**
 * `path`: the certificates that decide whether the issuer is trusted, from the issuer to the anchor. `shown`: those that a
 * leaf is sent with. It may be longer than the path: an anchor that another one signed as well is sent to peers that know
 * the other one only.
 */
function pathToAnchor(chain: readonly NodeCertificate[], anchors: readonly NodeCertificate[]) {
  const isAnchor = (one: NodeCertificate) => anchors.some((anchor) => anchor.fingerprint256 === one.fingerprint256);
  // Of an anchor whose end was put off, both stand in the bundle with one key.
  const byEnd = anchors.toSorted((a, b) => endOf(b) - endOf(a));
  const anchorOf = (one: NodeCertificate) => byEnd.find((anchor) => one.verify(anchor.publicKey));
  const isAnchored = (one: NodeCertificate) => isAnchor(one) || anchorOf(one) !== undefined;
  for (let i = 0; i + 1 < chain.length; i++) {
    if (!chain[i].verify(chain[i + 1].publicKey)) {
      throw new Error(`${nameOf(chain[i + 1])} did not sign the certificate below it`);
    }
  }
  const first = chain.findIndex(isAnchored);
  if (first < 0) throw new Error('the issuer certificate does not lead to a trust anchor');
  const anchor = isAnchor(chain[first]) ? undefined : anchorOf(chain[first]);
  return {
    path: [...chain.slice(0, first + 1), ...(anchor === undefined ? [] : [anchor])],
    // A peer that has the anchor needs no copy of it.
    shown: chain.slice(0, chain.findLastIndex(isAnchored) + 1).filter((one) => !isAnchor(one)),
  };
}
