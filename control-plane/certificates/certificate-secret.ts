import { createPrivateKey } from 'node:crypto';
import { certificateAnnotation } from '../../lib/contract/annotations.ts';
import { isConflict, type KubernetesApi } from '../kubernetes/api.ts';
import { getIfThere, metadataOver, retryConflicts, type SharedObject, writeOver } from '../kubernetes/shared-object.ts';
import { beginOf, endOf, readCertificates } from './bundle.ts';
import type { CertificateWithKey } from './create-certificate.ts';

/** A certificate, and the authorities (PEM, `ca.crt`) that a peer has to know for it; empty when the Secret names none. */
export interface KeptCertificate extends CertificateWithKey {
  readonly authorities: string;
}

/** A certificate as it stands in its Secret. */
export interface StoredCertificate extends KeptCertificate {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether this project made it. What somebody else put there is used as it is and never overwritten. */
  readonly ours: boolean;
}

export interface CertificateSecretOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly nowMs: () => number;
  /**
   * Makes the first certificate, or the one that follows `previous`. Undefined when none may be made now. To be trusted
   * while the replicas change over, what it returns names the authorities of `previous` too (`mergeBundles`).
   */
  readonly create: (previous: StoredCertificate | undefined) => Promise<KeptCertificate | undefined>;
  /** A certificate is renewed when this part of its life is over; 0.7 by default. */
  readonly renewAt?: number;
  /** Whether one that this project made must be replaced before its time. */
  readonly isStale?: (stored: StoredCertificate) => boolean;
  /** Told when a renewal fails while the old certificate still holds. */
  readonly onProblem: (message: string) => void;
}

interface Secret extends SharedObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * A certificate that lives in a Secret which several replicas share: whoever comes first makes it, all use what stands
 * there, and it is renewed in time. No lock is needed: creation fails when the Secret is there already, and a renewal
 * when somebody else was faster.
 */
export class CertificateSecret {
  private readonly options: CertificateSecretOptions;
  private readonly path: string;

  constructor(options: CertificateSecretOptions) {
    this.options = options;
    this.path = `/api/v1/namespaces/${options.namespace}/secrets`;
  }

  /**
   * The certificate to use now, made or renewed where that is due; undefined when there is none and none may be made.
   * Rejects when the API server cannot be asked or the Secret cannot be read, which its message then says.
   */
  ensure(): Promise<StoredCertificate | undefined> {
    return retryConflicts(this.title, () => this.readOrWrite());
  }

  private get title(): string {
    return `Secret ${this.options.namespace}/${this.options.name}`;
  }

  private async readOrWrite(): Promise<StoredCertificate | undefined> {
    const { api, name, nowMs, onProblem } = this.options;
    const secret = await getIfThere<Secret>(api, `${this.path}/${name}`);
    const stored = secret && this.parse(secret);
    if (stored !== undefined && !this.isDue(stored)) return stored;
    try {
      const written = await this.write(secret, stored);
      return written ?? stored;
    } catch (error) {
      if (isConflict(error) || stored === undefined || stored.notAfterMs <= nowMs()) throw error;
      onProblem(`${this.title} could not be renewed: ${(error as Error).message}`);
      return stored;
    }
  }

  private isDue(stored: StoredCertificate): boolean {
    const { nowMs, renewAt = 0.7 } = this.options;
    const { ours, notBeforeMs, notAfterMs } = stored;
    return ours && (nowMs() >= notBeforeMs + renewAt * (notAfterMs - notBeforeMs) || this.isStale(stored));
  }

  private isStale(stored: StoredCertificate): boolean {
    return this.options.isStale?.(stored) === true;
  }

  /** Undefined when nothing was to be gained: no new certificate, or none that lasts longer. */
  private async write(
    secret: Secret | undefined,
    previous: StoredCertificate | undefined,
  ): Promise<StoredCertificate | undefined> {
    const { api, namespace, name, labels } = this.options;
    const made = await this.options.create(previous);
    if (made === undefined) return undefined;
    const [leaf] = readCertificates(made.certificate);
    const gained = previous === undefined || endOf(leaf) > previous.notAfterMs || this.isStale(previous);
    if (!gained) return undefined;
    const next: Secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      // A Secret keeps the type that it was created with.
      type: secret?.type ?? 'kubernetes.io/tls',
      metadata: metadataOver(secret, {
        name,
        namespace,
        labels,
        annotations: { [certificateAnnotation]: fingerprint(leaf.fingerprint256) },
      }),
      data: {
        'tls.crt': base64(made.certificate),
        'tls.key': base64(made.key),
        ...(made.authorities === '' ? {} : { 'ca.crt': base64(made.authorities) }),
      },
    };
    return this.parse(await writeOver(api, this.path, secret, next));
  }

  private parse({ data, metadata }: Secret): StoredCertificate {
    // Both ways that issuers of Linkerd are kept: kubernetes.io/tls, and linkerd.io/tls.
    const text = (...keys: string[]): string => {
      const found = keys.find((key) => data?.[key] !== undefined && data[key] !== '');
      return found === undefined ? '' : Buffer.from(data![found], 'base64').toString('utf8');
    };
    const certificate = text('tls.crt', 'crt.pem');
    const key = text('tls.key', 'key.pem');
    try {
      const [leaf] = readCertificates(certificate);
      if (leaf === undefined) throw new Error('tls.crt (or crt.pem) holds no PEM certificate');
      if (key === '') throw new Error('tls.key (or key.pem) is missing');
      if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key does not belong to the certificate');
      return {
        certificate,
        key,
        authorities: text('ca.crt'),
        notBeforeMs: beginOf(leaf),
        notAfterMs: endOf(leaf),
        ours: metadata.annotations?.[certificateAnnotation] === fingerprint(leaf.fingerprint256),
      };
    } catch (error) {
      throw new Error(
        `${this.title}: ${(error as Error).message}. Correct it, or delete the Secret and a new one is made`,
      );
    }
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const fingerprint = (hex: string): string => hex.replaceAll(':', '').toLowerCase();
