import { readCertificates } from '../certificates/bundle.ts';
import { CertificateSecret, type KeptCertificate, type StoredCertificate } from '../certificates/certificate-secret.ts';
import { createAuthority, crossSign } from '../certificates/create-certificate.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { isInBundle, type StoredBundle, TrustRoots } from './trust-roots.ts';

export interface MeshAuthorityOptions {
  readonly api: KubernetesApi;
  readonly meshNamespace: string;
  readonly trustDomain: string;
  readonly names: AuthorityNames;
  readonly labels: Readonly<Record<string, string>>;
  readonly anchorLifetimeMs: number;
  readonly issuerLifetimeMs: number;
  /** Whether the issuer is somebody else's to make: it is waited for, and nothing is made. Default false. */
  readonly issuerIsGiven?: boolean;
  readonly nowMs: () => number;
  readonly onProblem: (message: string) => void;
}

export interface AuthorityNames {
  readonly anchorSecret: string;
  readonly issuerSecret: string;
  readonly trustRootsConfigMap: string;
}

/** What an Issuer is loaded from. PEM. */
export interface IssuerMaterial {
  readonly certificate: string;
  readonly key: string;
  readonly trustAnchors: string;
}

/**
 * The mesh's trust anchor, its issuer and the bundle of anchors, in two Secrets and a ConfigMap. What is missing is made,
 * what this project made is renewed at 70 % of its life, and what somebody else put there is used and never changed:
 *
 * - nothing there: an anchor signs an issuer;
 * - an issuer (PEM of `linkerd.io/tls`, or `kubernetes.io/tls` as cert-manager writes it): no anchor is made; the bundle is
 *   the ConfigMap's, or made of the Secret's `ca.crt`;
 * - an anchor with its key: it signs the issuers;
 * - nothing there, and the issuer is to be given: it is waited for;
 * - a bundle alone: an issuer must be given too, unless the anchor's Secret holds one of the bundle.
 *
 * An anchor that follows another is signed by the old one as well, and leaves are sent with that certificate: proxies that
 * started with the old bundle trust them until the old anchor ends. It stays in the bundle as long.
 */
export class MeshAuthority {
  private readonly options: MeshAuthorityOptions;
  private readonly anchor: CertificateSecret;
  private readonly issuer: CertificateSecret;
  private readonly roots: TrustRoots;
  private bundle: StoredBundle | undefined = undefined;

  constructor(options: MeshAuthorityOptions) {
    this.options = options;
    const { api, labels, nowMs, onProblem, names, meshNamespace: namespace } = options;
    const shared = { api, labels, nowMs, onProblem, namespace };
    this.anchor = new CertificateSecret({
      ...shared,
      name: names.anchorSecret,
      create: (previous) => this.createAnchor(previous),
    });
    this.issuer = new CertificateSecret({
      ...shared,
      name: names.issuerSecret,
      create: () => this.createIssuer(),
      isStale: (stored) => this.bundle !== undefined && !isAnchored(stored, this.bundle.bundle),
    });
    this.roots = new TrustRoots({ api, labels, nowMs, namespace, name: names.trustRootsConfigMap });
  }

  /**
   * Brings the objects to what they should be, and returns what to sign with. Rejects with what is wrong and what to do
   * about it. Several replicas may call it at once.
   */
  async reconcile(): Promise<IssuerMaterial> {
    this.bundle = await this.roots.read();
    const issuer = await this.issuer.ensure();
    if (issuer === undefined) {
      const { meshNamespace, names } = this.options;
      if (this.options.issuerIsGiven) {
        throw new Error(
          `the Secret ${meshNamespace}/${names.issuerSecret} is not there yet: it is to be given (--issuer=given), with ` +
            'tls.crt, tls.key and ca.crt',
        );
      }
      throw new Error(
        `${this.roots.title} was given without an issuer that it leads to: put yours into the Secret ` +
          `${meshNamespace}/${names.issuerSecret}, or delete the ConfigMap and both are made`,
      );
    }
    const anchor = issuer.ours && !this.options.issuerIsGiven ? await this.anchor.ensure() : undefined;
    const anchors = [firstOf(anchor?.certificate ?? ''), issuer.authorities || selfSigned(issuer.certificate)];
    if (this.bundle === undefined && anchors.every((text) => text === '')) {
      throw new Error(
        `the Secret ${this.options.names.issuerSecret} names no trust anchor (ca.crt): add it there, or make the ` +
          `${this.roots.title} with it`,
      );
    }
    this.bundle = await this.roots.include(anchors);
    return { certificate: issuer.certificate, key: issuer.key, trustAnchors: this.bundle.bundle };
  }

  private async createAnchor(previous: StoredCertificate | undefined): Promise<KeptCertificate | undefined> {
    // An anchor that is not in the bundle is of no use, and this bundle is not ours to change.
    if (this.bundle?.ours === false) return undefined;
    const { trustDomain, meshNamespace, anchorLifetimeMs: lifetimeMs, nowMs } = this.options;
    const name = `root.${meshNamespace}.${trustDomain}`;
    const made = await createAuthority({ name, lifetimeMs, nowMs: nowMs() });
    if (previous === undefined || previous.notAfterMs <= nowMs()) return { ...made, authorities: '' };
    const cross = await crossSign(made.certificate, previous, { lifetimeMs, nowMs: nowMs() });
    return { ...made, certificate: made.certificate + cross, authorities: '' };
  }

  private async createIssuer(): Promise<KeptCertificate | undefined> {
    if (this.options.issuerIsGiven) return undefined;
    const anchor = await this.anchor.ensure();
    if (anchor === undefined) return undefined;
    const root = firstOf(anchor.certificate);
    // First the bundle: nothing may be signed that proxies started now could not check.
    this.bundle = await this.roots.include([root]);
    if (!isInBundle(root, this.bundle.bundle)) return undefined;
    const { trustDomain, meshNamespace, issuerLifetimeMs: lifetimeMs, nowMs } = this.options;
    const issuer = await createAuthority({
      name: `identity.${meshNamespace}.${trustDomain}`,
      lifetimeMs,
      pathLength: 0,
      nowMs: nowMs(),
      signedBy: anchor,
    });
    return { ...issuer, certificate: issuer.certificate + anchor.certificate.slice(root.length), authorities: root };
  }
}

const pemEnd = '-----END CERTIFICATE-----\n';

/** The first certificate of a PEM text, with what stands before it. */
function firstOf(pem: string): string {
  const end = pem.indexOf(pemEnd);
  return end < 0 ? pem : pem.slice(0, end + pemEnd.length);
}

/** The top of the chain when it is an anchor itself: an issuer may stand without one above it. */
function selfSigned(chain: string): string {
  const top = readCertificates(chain).at(-1);
  return top?.verify(top.publicKey) ? top.toString() : '';
}

function isAnchored({ certificate }: StoredCertificate, bundle: string): boolean {
  const anchors = readCertificates(bundle);
  return readCertificates(certificate).some((one) => anchors.some((anchor) => one.verify(anchor.publicKey)));
}
