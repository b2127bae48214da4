import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the webhooks of one component count; label `webhook` tells them apart. */
export class WebhookMetrics {
  readonly requests: Counter;
  readonly latency: Histogram;
  readonly decisions: Counter;
  readonly tlsErrors: Counter;
  readonly refused: Counter;
  readonly certificateEnd: Gauge;
  readonly certificateErrors: Counter;
  readonly bundlePatches: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string, ...labels: string[]): Counter =>
      new Counter({ name, help, labelNames: ['webhook', ...labels], registers });
    this.requests = counter('http_server_requests_total', 'Calls of webhooks by HTTP status.', 'code');
    this.latency = new Histogram({
      name: 'http_server_request_latency_seconds',
      help: 'From the head of a call to its answer.',
      labelNames: ['webhook'],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
      registers,
    });
    this.decisions = counter('webhook_reviews_total', 'Objects that were decided about.', 'allowed');
    this.tlsErrors = counter('webhook_tls_errors_total', 'Handshakes that failed: a wrong caBundle shows here.');
    this.refused = counter(
      'webhook_connections_refused_total',
      'Connections ended because too many were held, of one address or of all.',
      'limit',
    );
    this.certificateEnd = new Gauge({
      name: 'webhook_certificate_expiration_timestamp_seconds',
      help: 'When the certificate that is served ends.',
      labelNames: ['webhook'],
      registers,
    });
    this.certificateErrors = counter('webhook_certificate_errors_total', 'Looks at Secret or caBundle that failed.');
    this.bundlePatches = counter('webhook_ca_bundle_patches_total', 'How often the caBundle was written.');
  }
}
