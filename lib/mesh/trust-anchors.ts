import type { Duration } from 'cdk8s';
import { checkProps } from '../props/check-props.ts';
import { duration, instance, needed, type Shape, text } from '../props/form.ts';

/** An issuer of cert-manager that is there already. */
export class CertManagerIssuer {
  /** An Issuer in the namespace of the mesh. Throws for a name that no object can have. */
  static issuer(name: string): CertManagerIssuer {
    return new CertManagerIssuer('Issuer', name);
  }

  /** A ClusterIssuer. Throws for a name that no object can have. */
  static clusterIssuer(name: string): CertManagerIssuer {
    return new CertManagerIssuer('ClusterIssuer', name);
  }

  /** Kind of the object of cert-manager. */
  readonly kind: 'Issuer' | 'ClusterIssuer';
  /** Name of the object. */
  readonly name: string;

  private constructor(kind: 'Issuer' | 'ClusterIssuer', name: string) {
    checkProps({ name: needed(text) }, { name });
    if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
      throw new Error(
        `'name' (${name}) must be the name of an object: lower-case letters, digits, - and ., at most 253`,
      );
    }
    this.kind = kind;
    this.name = name;
  }
}

/** What cert-manager makes for the mesh. */
export interface CertManagerOptions {
  /**
   * Who signs the mesh's issuer. It must give a certificate of an authority, and `ca.crt` beside it.
   *
   * @default - a trust anchor of the mesh's own, which cert-manager makes
   */
  readonly issuer?: CertManagerIssuer;

  /**
   * How long the mesh's issuer holds; it is renewed at 70 % of this.
   *
   * @default Duration.days(90)
   */
  readonly issuerLifetime?: Duration;

  /**
   * How long the trust anchor holds. It is renewed with the same key, so that proxies which know the old one trust it.
   *
   * @default Duration.days(3650)
   */
  readonly anchorLifetime?: Duration;
}

const certManager: Shape<CertManagerOptions> = {
  issuer: instance(() => CertManagerIssuer),
  issuerLifetime: duration,
  anchorLifetime: duration,
};

/** Who makes the issuer and the trust anchor, as data. */
export type GivenTrust =
  | { readonly by: 'secret' }
  | {
      readonly by: 'cert-manager';
      readonly issuer?: { readonly kind: string; readonly name: string };
      readonly issuerLifetimeMs: number;
      readonly anchorLifetimeMs: number;
    };

const dayMs = 86_400_000;
/** What cert-manager takes at least. */
const shortestMs = 3_600_000;

/** Where the mesh's trust anchors are from, and the issuer that its certificates are signed with. */
export class TrustAnchors {
  /** The identity component makes both when it first starts, and renews them. */
  static generated(): TrustAnchors {
    return new TrustAnchors(undefined);
  }

  /**
   * Somebody writes the Secret `tulle-identity-issuer` in the mesh's namespace: `tls.crt`, `tls.key` and `ca.crt`, or `crt.pem`
   * and `key.pem` with the ConfigMap `tulle-identity-trust-roots`. The identity component waits for it, makes none, and may
   * change no Secret.
   */
  static fromSecret(): TrustAnchors {
    return new TrustAnchors({ by: 'secret' });
  }

  /** As `fromSecret`, and cert-manager writes it, by objects that are part of the install. Throws for options that cannot be meant. */
  static certManager(options: CertManagerOptions = {}): TrustAnchors {
    checkProps(certManager, options);
    const { issuer, issuerLifetime, anchorLifetime } = options;
    if (issuer !== undefined && anchorLifetime !== undefined) {
      throw new Error(
        `'anchorLifetime' (${anchorLifetime.toHumanString()}) must not be with 'issuer' (${issuer.name}), whose anchor is not the mesh's: leave it out`,
      );
    }
    const issuerLifetimeMs = issuerLifetime?.toMilliseconds() ?? 90 * dayMs;
    const anchorLifetimeMs = anchorLifetime?.toMilliseconds() ?? 3650 * dayMs;
    if (issuerLifetimeMs < shortestMs) {
      throw new Error(`'issuerLifetime' (${issuerLifetime?.toHumanString()}) must be an hour or more`);
    }
    if (issuer === undefined && anchorLifetimeMs <= issuerLifetimeMs) {
      throw new Error(
        `'anchorLifetime' (${anchorLifetimeMs / dayMs} days) must be longer than 'issuerLifetime' (${issuerLifetimeMs / dayMs} days)`,
      );
    }
    return new TrustAnchors({
      by: 'cert-manager',
      ...(issuer === undefined ? {} : { issuer: { kind: issuer.kind, name: issuer.name } }),
      issuerLifetimeMs,
      anchorLifetimeMs,
    });
  }

  /** @internal Undefined for those that the mesh makes itself. */
  readonly _given: GivenTrust | undefined;

  private constructor(given: GivenTrust | undefined) {
    this._given = given;
  }
}
