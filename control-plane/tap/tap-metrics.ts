import { Counter, Gauge, type Registry } from 'prom-client';

/** What the tap component counts. */
export class TapMetrics {
  readonly open: Gauge;
  readonly events: Counter;
  readonly refused: Counter;
  readonly tlsErrors: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.open = new Gauge({ name: 'tap_open', help: 'Taps under way.', registers });
    this.events = new Counter({ name: 'tap_events_total', help: 'Events that taps were told.', registers });
    this.refused = new Counter({
      name: 'tap_refused_total',
      help: 'Calls of the API that were refused, by their HTTP status.',
      labelNames: ['code'],
      registers,
    });
    this.tlsErrors = new Counter({
      name: 'tap_tls_errors_total',
      help: 'Handshakes that failed: who calls is not the API server, or does not know the certificate.',
      registers,
    });
  }
}
