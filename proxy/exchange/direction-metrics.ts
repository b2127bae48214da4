import { injectedFault } from '../../lib/contract/faults.ts';
import type { TcpError } from '../model/tcp-errors.ts';
import type { CounterFamily, MetricsRegistry } from '../telemetry/registry.ts';
import type { Exchange } from './exchange.ts';
import type { ExchangeObserver } from './observers.ts';

/** What is counted of exchanges and connections in either direction alike, and the observer that records each exchange. */
export class DirectionMetrics implements ExchangeObserver {
  /** Requests under way: counted up by who begins an exchange. */
  inFlight = 0;
  protected readonly registry: MetricsRegistry;
  private readonly nowMs: () => number;
  private readonly httpErrors: CounterFamily;
  private readonly tcpErrors: CounterFamily;
  private readonly faults: CounterFamily;

  constructor(direction: 'inbound' | 'outbound', registry: MetricsRegistry, nowMs: () => number) {
    this.registry = registry;
    this.nowMs = nowMs;
    const counter = (name: string, help: string): CounterFamily => registry.counter(`${direction}_${name}`, help);
    this.httpErrors = counter('http_errors_total', 'HTTP requests that this proxy failed itself.');
    this.tcpErrors = counter('tcp_errors_total', 'TCP connections that this proxy failed itself.');
    this.faults = counter('http_faults_injected_total', 'HTTP requests that met a fault, as their route has it.');
    registry.gauge(`${direction}_http_requests_in_flight`, 'HTTP requests under way.', () => this.inFlight);
  }

  tcpError(error: TcpError): void {
    this.tcpErrors.add({ error });
  }

  httpError(error: string): void {
    this.httpErrors.add({ error });
  }

  onFinish(exchange: Exchange): void {
    this.inFlight--;
    const { failure, isDelayed } = exchange;
    if (isDelayed) this.faults.add({ fault: 'delay' });
    if (failure !== undefined) {
      this.httpError(failure.kind);
      if (failure.message.startsWith(injectedFault)) this.faults.add({ fault: 'abort' });
    }
    exchange.plan?.counts?.over(exchange, this.nowMs);
  }
}
