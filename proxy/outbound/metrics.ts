import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import { countResponse } from '../exchange/plan.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { TcpError } from '../model/tcp-errors.ts';
import type { ProfileRoute } from '../route/profile-routes.ts';
import { endpointLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { CounterFamily, MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

/** The outbound side's metrics, and the observer that records each exchange. What endpoints answer they count themselves. */
export class OutboundMetrics implements ExchangeObserver {
  /** Requests under way. */
  inFlight = 0;
  private readonly registry: MetricsRegistry;
  private readonly nowMs: () => number;
  private readonly httpErrors: CounterFamily;
  private readonly tcpErrors: CounterFamily;
  private readonly transports = new WeakMap<EndpointInfo, TransportMetrics>();

  constructor(registry: MetricsRegistry, nowMs: () => number) {
    this.registry = registry;
    this.nowMs = nowMs;
    this.httpErrors = registry.counter('outbound_http_errors_total', 'HTTP requests that this proxy failed itself.');
    this.tcpErrors = registry.counter('outbound_tcp_errors_total', 'TCP connections that this proxy failed itself.');
    registry.gauge('outbound_http_requests_in_flight', 'HTTP requests under way.', () => this.inFlight);
  }

  /** The handle for requests to `authority` at an endpoint. */
  requests(authority: string, info: EndpointInfo): RequestMetrics {
    return this.registry.requestMetrics({ direction: 'outbound', authority, ...endpointLabels(info) });
  }

  /** The handle for requests of one route of a service profile. */
  route(dst: string, { labels }: ProfileRoute): RequestMetrics {
    const prefixed = Object.entries(labels).map(([name, value]) => [`rt_${name}`, value] as const);
    return this.registry.routeMetrics({ direction: 'outbound', dst, ...Object.fromEntries(prefixed) });
  }

  /** The handle for connections to an endpoint. */
  connections(endpoint: Endpoint): TransportMetrics {
    const { info } = endpoint;
    let metrics = this.transports.get(info);
    if (metrics === undefined || metrics.dropped) {
      metrics = this.registry.transportMetrics({ direction: 'outbound', peer: 'dst', ...endpointLabels(info) });
      this.transports.set(info, metrics);
    }
    return metrics;
  }

  /** The handle for connections from the application. */
  accepted(labels: Labels): TransportMetrics {
    return this.registry.transportMetrics({
      direction: 'outbound',
      peer: 'src',
      ...labels,
      tls: 'no_identity',
      no_tls_reason: 'loopback',
    });
  }

  tcpError(error: TcpError): void {
    this.tcpErrors.add({ error });
  }

  httpError(error: string): void {
    this.httpErrors.add({ error });
  }

  onFinish(exchange: Exchange): void {
    this.inFlight--;
    const { failure } = exchange;
    if (failure !== undefined) this.httpErrors.add({ error: failure.kind });
    countResponse(exchange, this.nowMs);
  }
}
