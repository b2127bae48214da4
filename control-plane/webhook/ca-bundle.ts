import type { V1APIService, V1ValidatingWebhookConfiguration } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { areSame, mergeBundles, readCertificates } from '../certificates/bundle.ts';
import { isConflict, type KubernetesApi } from '../kubernetes/api.ts';
import type { Stored } from '../kubernetes/in-json.ts';
import { getIfThere } from '../kubernetes/shared-object.ts';

/** By what API servers know a server that they call: webhooks, or an API of its own. */
export interface WebhookConfiguration {
  readonly kind: 'MutatingWebhookConfiguration' | 'ValidatingWebhookConfiguration' | 'APIService';
  readonly name: string;
}

export interface CaBundleOptions {
  readonly api: Pick<KubernetesApi, 'get' | 'patch'>;
  readonly configuration: WebhookConfiguration;
  readonly nowMs: () => number;
  readonly log: Logger;
  /** Told of each write. */
  readonly onPatch: () => void;
  /** How long an authority stays in the bundle after it is not wanted any more. Default 60 s. */
  readonly retireMs?: number;
}

/** `patched`: API servers are about to hear of it. `foreign`: somebody else keeps the bundle. */
export type BundleState = 'in place' | 'patched' | 'foreign' | 'absent';

type Configuration = Stored<V1ValidatingWebhookConfiguration> & Pick<Stored<V1APIService>, 'spec'>;

const groups = { webhooks: 'admissionregistration.k8s.io', apiServices: 'apiregistration.k8s.io' };

/** Of cert-manager's injector, which then keeps the bundle (cert-manager docs, "CA Injector"). */
const foreignAnnotations = ['inject-ca-from', 'inject-ca-from-secret', 'inject-apiserver-ca'].map(
  (name) => `cert-manager.io/${name}`,
);

/** When another replica, or somebody else, is faster. */
const maxAttempts = 5;

/**
 * Keeps the `caBundle` of a webhook's configuration: by it API servers know the webhook's server. A bundle that somebody
 * emptied or replaced is written again. Authorities that are not wanted any more stay for a while, since other replicas
 * may still show their certificates.
 */
export class CaBundle {
  private readonly options: CaBundleOptions;
  private readonly path: string;
  private readonly unwantedSinceMs = new Map<string, number>();

  constructor(options: CaBundleOptions) {
    this.options = options;
    const { kind, name } = options.configuration;
    const group = kind === 'APIService' ? groups.apiServices : groups.webhooks;
    this.path = `/apis/${group}/v1/${kind.toLowerCase()}s/${name}`;
  }

  /** Makes API servers trust `authorities` (PEM); with none it is left to others. Rejects when that cannot be done. */
  async ensure(authorities: string): Promise<BundleState> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.write(authorities);
      } catch (error) {
        if (!isConflict(error) || attempt === maxAttempts) throw error;
      }
    }
  }

  private async write(authorities: string): Promise<BundleState> {
    if (authorities === '') return 'foreign';
    const { api, configuration, log, onPatch } = this.options;
    const found = await getIfThere<Configuration>(api, this.path);
    if (found === undefined) return 'absent';
    const { metadata } = found;
    if (foreignAnnotations.some((name) => metadata.annotations?.[name] !== undefined)) return 'foreign';
    const changed =
      configuration.kind === 'APIService' ? this.nextSpec(found, authorities) : this.nextWebhooks(found, authorities);
    if (changed === undefined) return 'in place';
    // With its version, so that a list of webhooks is never put over somebody's newer one.
    await api.patch(this.path, { metadata: { resourceVersion: metadata.resourceVersion }, ...changed }, 'merge');
    onPatch();
    log.info({ kind: configuration.kind, name: configuration.name }, 'caBundle written');
    return 'patched';
  }

  private nextSpec({ spec }: Configuration, authorities: string): object | undefined {
    const caBundle = this.next(spec?.caBundle ?? '', authorities);
    return caBundle === undefined ? undefined : { spec: { caBundle } };
  }

  private nextWebhooks({ webhooks = [] }: Configuration, authorities: string): object | undefined {
    const wanted = webhooks.map(({ clientConfig }) => this.next(clientConfig.caBundle ?? '', authorities));
    if (wanted.every((bundle) => bundle === undefined)) return undefined;
    return {
      webhooks: webhooks.map((webhook, index) =>
        wanted[index] === undefined
          ? webhook
          : { ...webhook, clientConfig: { ...webhook.clientConfig, caBundle: wanted[index] } },
      ),
    };
  }

  /** What is to stand in place of `current`, in base64 both; undefined when it may stay. */
  private next(current: string, authorities: string): string | undefined {
    const { nowMs, retireMs = 60_000 } = this.options;
    const wanted = new Set(readCertificates(authorities).map(({ fingerprint256 }) => fingerprint256));
    const now = nowMs();
    const retiring = certificatesOf(current).filter(({ fingerprint256 }) => {
      if (wanted.has(fingerprint256)) {
        this.unwantedSinceMs.delete(fingerprint256);
        return false;
      }
      const since = this.unwantedSinceMs.get(fingerprint256) ?? now;
      this.unwantedSinceMs.set(fingerprint256, since);
      if (now - since < retireMs) return true;
      this.unwantedSinceMs.delete(fingerprint256);
      return false;
    });
    const bundle = mergeBundles([authorities, ...retiring.map((certificate) => certificate.toString())], now);
    // Without an authority that still holds nothing would be gained.
    const nothingGained = bundle === '' || areSame(readCertificates(bundle), certificatesOf(current));
    return nothingGained ? undefined : Buffer.from(bundle).toString('base64');
  }
}

/** None when the bundle is no PEM: then nothing of it is worth keeping. */
function certificatesOf(bundle: string): ReturnType<typeof readCertificates> {
  try {
    return readCertificates(Buffer.from(bundle, 'base64').toString('utf8'));
  } catch {
    return [];
  }
}
