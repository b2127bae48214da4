import type { Exchange, ExchangeObserver } from '../exchange/exchange.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { ProfileRoute } from '../route/profile-routes.ts';
import { classify, grpcStatus } from '../telemetry/classify.ts';
import { endpointLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { CounterFamily, MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Field } from '../wire/field.ts';
import { BalancedEndpoint } from './balanced-endpoint.ts';
import { CountedRoute } from './counted-routes.ts';

/** The outbound side's metrics, and the observer that records each exchange. */
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

  tcpError(error: string): void {
    this.tcpErrors.add({ error });
  }

  httpError(error: string): void {
    this.httpErrors.add({ error });
  }

  onResponse(): void {}

  onFinish(exchange: Exchange, trailers: readonly Field[] | undefined, error: string | undefined): void {
    this.inFlight--;
    const endpoint = exchange.context instanceof BalancedEndpoint ? exchange.context : undefined;
    const nowMs = this.nowMs();
    const elapsedMs = nowMs - exchange.startMs;
    const grpc = exchange.grpc ? grpcStatus(trailers) : -1;
    const { status } = exchange;
    const route = exchange.route instanceof CountedRoute ? exchange.route : undefined;
    const classification = route?.classify(status, grpc, error) ?? classify(status, grpc, error);
    route?.metrics.response(nowMs, status, classification, grpc, error, elapsedMs);
    if (!exchange.sent || error === 'client cancelled') endpoint?.ewma.abandon();
    else endpoint?.ewma.end(nowMs, elapsedMs);
    if (endpoint !== undefined && exchange.sent)
      endpoint.metrics.response(nowMs, status, classification, grpc, error, elapsedMs);
    else if (error !== undefined) this.httpErrors.add({ error });
  }
}
