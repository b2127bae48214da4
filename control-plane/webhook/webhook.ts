import type { Logger } from 'pino';
import { webhookConfigurationName, webhookSecretName, webhookServiceName } from '../../lib/contract/names.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import type { Address, HttpsService } from '../serving/component.ts';
import type { WebhookConfiguration } from './ca-bundle.ts';
import { ServingCertificate } from './serving-certificate.ts';
import type { WebhookMetrics } from './webhook-metrics.ts';
import { type AdmissionHandler, WebhookServer } from './webhook-server.ts';

export interface WebhookOptions {
  /** `proxy-injector`: Service, Secret and configuration are named after it, as the install names them. */
  readonly name: string;
  readonly kind: WebhookConfiguration['kind'];
  readonly handle: AdmissionHandler;
  readonly address: Address;
  readonly api: KubernetesApi;
  readonly meshNamespace: string;
  /** Names that API servers dial besides that of the Service, for configurations with a `url`. */
  readonly extraNames?: readonly string[];
  /** See WebhookServer. */
  readonly clientAuthorities?: string;
  /** Of a certificate that is made here. */
  readonly lifetimeMs?: number;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly metrics: WebhookMetrics;
}

export interface Webhook {
  readonly https: HttpsService;
  /** Whether API servers can call it by now. */
  readonly ready: boolean;
  /** Ends the care for its certificate. The server is ended by the component. */
  close(): void;
}

/** A webhook with a certificate that is made, renewed and trusted without anybody's doing. */
export function startWebhook(options: WebhookOptions): Webhook {
  const { name, kind, handle, address, meshNamespace, extraNames = [], log, metrics } = options;
  const server = new WebhookServer({ name, handle, log, metrics, clientAuthorities: options.clientAuthorities });
  const certificate = new ServingCertificate({
    name,
    server,
    api: options.api,
    secret: { namespace: meshNamespace, name: webhookSecretName(name) },
    configuration: { kind, name: webhookConfigurationName(name, meshNamespace) },
    dnsNames: [`${webhookServiceName(name)}.${meshNamespace}.svc`, ...extraNames],
    lifetimeMs: options.lifetimeMs,
    nowMs: options.nowMs,
    log,
    metrics,
  });
  return {
    https: { address, server: server.server, stop: () => server.stop() },
    get ready() {
      return certificate.ready;
    },
    close: () => certificate.close(),
  };
}
