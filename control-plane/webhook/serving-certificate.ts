import type { Logger } from 'pino';
import { controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import { mergeBundles, readCertificates } from '../certificates/bundle.ts';
import { CertificateKeeper } from '../certificates/certificate-keeper.ts';
import { CertificateSecret, type KeptCertificate, type StoredCertificate } from '../certificates/certificate-secret.ts';
import { createAuthority, createServerCertificate } from '../certificates/create-certificate.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { Poll } from '../polling/poll.ts';
import { CaBundle, type WebhookConfiguration } from './ca-bundle.ts';
import type { WebhookMetrics } from './webhook-metrics.ts';
import type { WebhookServer } from './webhook-server.ts';

export interface ServingCertificateOptions {
  /** `proxy-injector`, in metrics and logs. */
  readonly name: string;
  readonly server: Pick<WebhookServer, 'useCertificate'>;
  readonly api: KubernetesApi;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly configuration: WebhookConfiguration;
  /** What the API server dials: `tulle-proxy-injector.tulle.svc`. */
  readonly dnsNames: readonly string[];
  /** Of a certificate that is made here; it is renewed at 70 % of it. Default 365 days. */
  readonly lifetimeMs?: number;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly metrics: WebhookMetrics;
  /** How long API servers are given to hear of a new bundle. Default 5 s. */
  readonly propagationMs?: number;
  readonly retireMs?: number;
  /** How often Secret and bundle are looked at. Default 5 s. */
  readonly intervalMs?: number;
}

const yearMs = 365 * 86_400_000;

/**
 * The certificate of a webhook's server, from its Secret to the handshake. Whoever finds no Secret makes one, with an
 * authority whose key is then forgotten, so every renewal brings a new authority. The order keeps calls from failing: the
 * bundle names the new authority beside the old, API servers hear of it, then the new certificate is shown.
 */
export class ServingCertificate {
  private readonly options: ServingCertificateOptions;
  private readonly bundle: CaBundle;
  private readonly keeper: CertificateKeeper;
  private readonly repairs: Poll;
  /** In the Secret, and shown or about to be. */
  private latest: StoredCertificate | undefined = undefined;
  private shown: StoredCertificate | undefined = undefined;
  private problem: string | undefined = undefined;

  constructor(options: ServingCertificateOptions) {
    this.options = options;
    const { api, configuration, nowMs, log, metrics, name, intervalMs = 5000 } = options;
    const webhook = { webhook: name };
    this.bundle = new CaBundle({
      api,
      configuration,
      nowMs,
      log,
      retireMs: options.retireMs,
      onPatch: () => metrics.bundlePatches.inc(webhook),
    });
    const onProblem = (problem: string): void => {
      metrics.certificateErrors.inc(webhook);
      log.error({ ...webhook, problem }, 'certificate not changed');
    };
    this.keeper = new CertificateKeeper({
      secret: new CertificateSecret({
        ...options.secret,
        api,
        labels: { [controlPlaneNamespaceLabel]: options.secret.namespace },
        nowMs,
        create: (previous) => this.create(previous),
        onProblem,
      }),
      onChange: (certificate) => this.change(certificate),
      onProblem,
      intervalMs,
    });
    this.repairs = new Poll(() => this.repair(), intervalMs);
    void this.keeper.refresh();
  }

  /** True once a certificate is shown that API servers can trust. It stays so. */
  get ready(): boolean {
    return this.keeper.current !== undefined;
  }

  close(): void {
    this.repairs.close();
    this.keeper.close();
  }

  private async create(previous: StoredCertificate | undefined): Promise<KeptCertificate> {
    const { dnsNames, lifetimeMs = yearMs, nowMs } = this.options;
    const common = { lifetimeMs, nowMs: nowMs() };
    const signedBy = await createAuthority({ ...common, name: dnsNames[0], pathLength: 0 });
    const leaf = await createServerCertificate({ ...common, dnsNames, signedBy });
    return { ...leaf, authorities: mergeBundles([signedBy.certificate, previous?.authorities ?? ''], common.nowMs) };
  }

  private async change(certificate: StoredCertificate): Promise<void> {
    this.checkAuthorities(certificate);
    const first = this.latest === undefined;
    this.latest = certificate;
    // The first is shown at once: nobody trusts anything else of this process yet.
    if (first) this.show(certificate);
    const state = await this.bundle.ensure(certificate.authorities);
    if (state === 'patched' || !first) {
      // Another replica may have written the bundle only now.
      await new Promise((resolve) => setTimeout(resolve, this.options.propagationMs ?? 5000).unref());
    }
    this.show(certificate);
  }

  /** Of somebody else's Secret; with none there the bundle is left to others. */
  private checkAuthorities({ authorities }: StoredCertificate): void {
    if (authorities === '') return;
    const { namespace, name } = this.options.secret;
    try {
      if (readCertificates(authorities).length === 0) throw new Error('holds no PEM certificate');
    } catch (error) {
      throw new Error(`Secret ${namespace}/${name}: ca.crt: ${(error as Error).message}`);
    }
  }

  private show(certificate: StoredCertificate): void {
    const { server, dnsNames, log, metrics, name, secret } = this.options;
    if (this.shown?.certificate === certificate.certificate && this.shown.key === certificate.key) return;
    server.useCertificate(certificate);
    this.shown = certificate;
    metrics.certificateEnd.set({ webhook: name }, certificate.notAfterMs / 1000);
    const until = new Date(certificate.notAfterMs).toISOString();
    log.info({ webhook: name, until, ours: certificate.ours }, 'certificate in use');
    const [leaf] = readCertificates(certificate.certificate);
    const missing = dnsNames.filter((dnsName) => leaf.checkHost(dnsName) === undefined);
    if (missing.length > 0) {
      log.error(
        { webhook: name, secret: `${secret.namespace}/${secret.name}`, missing },
        'the certificate lacks names that API servers dial: put another in the Secret, or delete it and one is made',
      );
    }
  }

  /** Puts the bundle right when somebody applied the configuration without it. */
  private async repair(): Promise<void> {
    const { log, metrics, name } = this.options;
    if (this.latest === undefined) return;
    try {
      await this.bundle.ensure(this.latest.authorities);
      this.problem = undefined;
    } catch (error) {
      const { message } = error as Error;
      metrics.certificateErrors.inc({ webhook: name });
      if (message !== this.problem) log.error({ webhook: name, error: message }, 'caBundle not kept');
      this.problem = message;
    }
  }
}
