import { createHash } from 'node:crypto';
import { areSame, mergeBundles, readCertificates } from '../certificates/bundle.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { getIfThere, metadataOver, retryConflicts, type SharedObject, writeOver } from '../kubernetes/shared-object.ts';

/** The bundle of trust anchors as it stands in its ConfigMap. */
export interface StoredBundle {
  /** PEM. */
  readonly bundle: string;
  /** Whether this project wrote it. One that somebody else wrote is used as it is and never changed. */
  readonly ours: boolean;
}

export interface TrustRootsOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly nowMs: () => number;
}

export interface ConfigMap extends SharedObject {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly data?: Readonly<Record<string, string>>;
}

export const bundleKey = 'ca-bundle.crt';

/** Names the bundle that this project wrote, so that a changed one is known to be somebody else's. */
const madeAnnotation = 'tulle.dev/bundle-sha256';

/** The ConfigMap of the mesh's trust anchors. Replicas write it without a lock: a conflict is read and tried again. */
export class TrustRoots {
  private readonly options: TrustRootsOptions;
  private readonly path: string;

  constructor(options: TrustRootsOptions) {
    this.options = options;
    this.path = `/api/v1/namespaces/${options.namespace}/configmaps`;
  }

  async read(): Promise<StoredBundle | undefined> {
    const found = await this.get();
    return found && this.parse(found);
  }

  /**
   * Adds `anchors` (PEM) to the bundle and drops those that have ended; makes the ConfigMap when there is none. Somebody
   * else's is returned as it is.
   */
  include(anchors: readonly string[]): Promise<StoredBundle> {
    return retryConflicts(this.title, async () => {
      const found = await this.get();
      const stored = found && this.parse(found);
      if (stored !== undefined && !stored.ours) return stored;
      const bundle = mergeBundles([...anchors, stored?.bundle ?? ''], this.options.nowMs());
      if (bundle === '') throw new Error(`${this.title} would be empty: every trust anchor has ended`);
      // The order does not matter: replicas that know the same anchors must not write by turns.
      if (stored !== undefined && areSame(readCertificates(bundle), readCertificates(stored.bundle))) return stored;
      await this.write(found, bundle);
      return { bundle, ours: true };
    });
  }

  get title(): string {
    return `ConfigMap ${this.options.namespace}/${this.options.name}`;
  }

  private get(): Promise<ConfigMap | undefined> {
    return getIfThere(this.options.api, `${this.path}/${this.options.name}`);
  }

  private async write(found: ConfigMap | undefined, bundle: string): Promise<void> {
    const { api, namespace, name, labels } = this.options;
    const next: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadataOver(found, { name, namespace, labels, annotations: { [madeAnnotation]: sha256(bundle) } }),
      data: { ...found?.data, [bundleKey]: bundle },
    };
    await writeOver(api, this.path, found, next);
  }

  private parse({ data, metadata }: ConfigMap): StoredBundle {
    const bundle = data?.[bundleKey] ?? '';
    try {
      if (readCertificates(bundle).length === 0) throw new Error(`${bundleKey} holds no PEM certificate`);
    } catch (error) {
      throw new Error(
        `${this.title}: ${(error as Error).message}. Correct it, or delete the ConfigMap and a new one is made`,
      );
    }
    return { bundle, ours: metadata.annotations?.[madeAnnotation] === sha256(bundle) };
  }
}

/** Whether a certificate (PEM) is one of the bundle. */
export function isInBundle(certificate: string, bundle: string): boolean {
  const [wanted] = readCertificates(certificate);
  return readCertificates(bundle).some(({ fingerprint256 }) => fingerprint256 === wanted.fingerprint256);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
