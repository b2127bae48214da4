import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { issuerSecret } from '../contract/names.ts';
import type { MeshInstall } from './install.ts';
import type { GivenTrust } from './trust-anchors.ts';

const group = 'cert-manager.io';
const selfSigned = 'tulle-self-signed';
const anchor = 'tulle-trust-anchor';
/** Of the life of a certificate, what is left when cert-manager renews it. */
const renewBefore = 0.3;
/** Of a common name (RFC 5280, ub-common-name): cert-manager takes no longer one. */
const longestCommonName = 64;

/**
 * What has cert-manager write the Secret of the mesh's issuer: its Certificate and, where no issuer is named that signs it, a
 * trust anchor with what that is made by.
 */
export class CertManagerObjects extends Construct {
  private readonly install: MeshInstall;

  constructor(scope: Construct, id: string, trust: GivenTrust & { by: 'cert-manager' }, install: MeshInstall) {
    super(scope, id);
    this.install = install;
    if (trust.issuer === undefined) {
      this.object('Issuer', selfSigned, { selfSigned: {} });
      this.certificate(anchor, 'root', trust.anchorLifetimeMs, { kind: 'Issuer', name: selfSigned }, 'Never');
      this.object('Issuer', anchor, { ca: { secretName: anchor } });
    }
    const signer = trust.issuer ?? { kind: 'Issuer', name: anchor };
    this.certificate(issuerSecret, 'identity', trust.issuerLifetimeMs, signer, 'Always');
  }

  /** An authority, in the Secret of its name. An anchor that keeps its key is trusted by those who know the one before. */
  private certificate(
    name: string,
    role: 'root' | 'identity',
    lifetimeMs: number,
    issuer: { readonly kind: string; readonly name: string },
    rotationPolicy: 'Always' | 'Never',
  ): void {
    const { meshNamespace, trustDomain } = this.install.config;
    const commonName = `${role}.${meshNamespace}.${trustDomain}`;
    if (commonName.length > longestCommonName) {
      throw new Error(
        `'namespace' (${meshNamespace}) and 'trustDomain' (${trustDomain}) are too long for cert-manager: ${commonName} has ` +
          `${commonName.length} characters, of at most ${longestCommonName}`,
      );
    }
    this.object('Certificate', name, {
      secretName: name,
      commonName,
      isCA: true,
      duration: seconds(lifetimeMs),
      renewBefore: seconds(lifetimeMs * renewBefore),
      usages: ['cert sign', 'crl sign'],
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy },
      issuerRef: { group, ...issuer },
    });
  }

  private object(kind: 'Issuer' | 'Certificate', name: string, spec: Record<string, unknown>): void {
    const { meshNamespace: namespace } = this.install.config;
    new ApiObject(this, `${kind.toLowerCase()}-${name}`, {
      apiVersion: `${group}/v1`,
      kind,
      metadata: { name, namespace, labels: { [controlPlaneNamespaceLabel]: namespace } },
      spec,
    });
  }
}

const seconds = (ms: number): string => `${Math.floor(ms / 1000)}s`;
