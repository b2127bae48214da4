import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { beginOf, endOf, readCertificates } from '../certificates/bundle.ts';
import {
  dnsNames,
  emptyName,
  keyPurposes,
  noAuthority,
  oid,
  signCertificate,
  signsHandshakesAndSealsKeys,
  subjectOf,
} from '../certificates/certificate-parts.ts';

export interface Leaf {
  readonly certificate: Uint8Array;
  /** From the issuer up, without the trust anchor. */
  readonly intermediates: readonly Uint8Array[];
  readonly notAfter: Date;
}

/** Signs leaves with the issuer's key. Made once for each issuer certificate; a renewed one makes a new Issuer. */
export class Issuer {
  readonly notAfter: Date;
  /** As it stands in the issuer's certificate: peers compare the bytes. */
  private readonly name: Uint8Array;
  private readonly key: KeyObject;
  private readonly intermediates: readonly Uint8Array[];

  private constructor(name: Uint8Array, key: KeyObject, intermediates: readonly Uint8Array[], notAfter: Date) {
    this.name = name;
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
    const intermediates = shown.map(({ raw }) => raw);
    return new Issuer(subjectOf(issuer.raw), key, intermediates, new Date(endOf(firstEnd)));
  }

  /** A leaf for `name`, valid from `skewMs` ago for `lifetimeMs` and as much again, but no longer than its chain. */
  sign(name: string, key: KeyObject, nowMs: number, lifetimeMs: number, skewMs: number): Leaf {
    const notAfter = new Date(Math.min(nowMs + lifetimeMs + skewMs, this.notAfter.getTime()));
    const certificate = signCertificate(
      {
        issuer: this.name,
        subject: emptyName,
        notBeforeMs: nowMs - skewMs,
        notAfterMs: notAfter.getTime(),
        publicKey: key,
        extensions: [
          noAuthority,
          signsHandshakesAndSealsKeys,
          keyPurposes(oid.serverAuth, oid.clientAuth),
          dnsNames([name], true),
        ],
      },
      this.key,
    );
    return { certificate, intermediates: this.intermediates, notAfter };
  }
}

const nameOf = ({ subject }: X509Certificate): string => subject.replaceAll('\n', ', ') || 'without a subject';

/**
 * `path`: the certificates that decide whether the issuer is trusted, from the issuer to the anchor. `shown`: those that a
 * leaf is sent with. It may be longer than the path: an anchor that another one signed as well is sent to peers that know
 * the other one only.
 */
function pathToAnchor(chain: readonly X509Certificate[], anchors: readonly X509Certificate[]) {
  const isAnchor = (one: X509Certificate) => anchors.some((anchor) => anchor.fingerprint256 === one.fingerprint256);
  // Of an anchor whose end was put off, both stand in the bundle with one key.
  const byEnd = anchors.toSorted((a, b) => endOf(b) - endOf(a));
  const anchorOf = (one: X509Certificate) => byEnd.find((anchor) => one.verify(anchor.publicKey));
  const isAnchored = (one: X509Certificate) => isAnchor(one) || anchorOf(one) !== undefined;
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
