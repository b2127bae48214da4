import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import { countResponse } from '../exchange/plan.ts';
import type { TcpError } from '../model/tcp-errors.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import type { PolicyLabels } from '../policy/labels.ts';
import { targetLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Count, CounterFamily, MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

/** The inbound side's metrics, and the observer that records each exchange. */
export class InboundMetrics implements ExchangeObserver {
  inFlight = 0;
  private readonly registry: MetricsRegistry;
  private readonly nowMs: () => number;
  private readonly httpAllowed: CounterFamily;
  private readonly httpDenied: CounterFamily;
  private readonly tcpAllowed: CounterFamily;
  private readonly tcpDenied: CounterFamily;
  private readonly tcpTerminated: CounterFamily;
  private readonly routeNotFound: CounterFamily;
  private readonly httpErrors: CounterFamily;
  private readonly tcpErrors: CounterFamily;

  constructor(registry: MetricsRegistry, nowMs: () => number) {
    this.registry = registry;
    this.nowMs = nowMs;
    const counter = (name: string, help: string): CounterFamily => registry.counter(name, help);
    this.httpAllowed = counter('inbound_http_authz_allow_total', 'HTTP requests that policy let in.');
    this.httpDenied = counter('inbound_http_authz_deny_total', 'HTTP requests that policy refused.');
    this.routeNotFound = counter('inbound_http_route_not_found_total', 'HTTP requests that fit no route.');
    this.tcpAllowed = counter('inbound_tcp_authz_allow_total', 'TCP connections that policy let in.');
    this.tcpDenied = counter('inbound_tcp_authz_deny_total', 'TCP connections that policy refused.');
    this.tcpTerminated = counter('inbound_tcp_authz_terminate_total', 'TCP connections that a change of policy ended.');
    this.httpErrors = counter('inbound_http_errors_total', 'HTTP requests that this proxy failed itself.');
    this.tcpErrors = counter('inbound_tcp_errors_total', 'TCP connections that this proxy failed itself.');
    registry.gauge('inbound_http_requests_in_flight', 'HTTP requests under way.', () => this.inFlight);
  }

  /** The handle for requests of one kind of client on one port, by route and authorization. */
  requests(
    connection: Labels,
    server: ServerPolicy,
    port: number,
    route: RoutePolicy | undefined,
    authz: Authorization,
  ): RequestMetrics {
    return this.registry.requestMetrics({
      direction: 'inbound',
      ...connection,
      ...serverLabels(server.labels, port),
      ...prefixed('route', route?.labels),
      ...prefixed('authz', authz.labels),
    });
  }

  allowed(
    connection: Labels,
    server: ServerPolicy,
    port: number,
    route: RoutePolicy | undefined,
    authz: Authorization,
  ): Count {
    return this.httpAllowed.count({
      ...connection,
      ...serverLabels(server.labels, port),
      ...prefixed('route', route?.labels),
      ...prefixed('authz', authz.labels),
    });
  }

  denied(connection: Labels, server: ServerPolicy, port: number, route: RoutePolicy | undefined): Count {
    const labels = { ...connection, ...serverLabels(server.labels, port), ...prefixed('route', route?.labels) };
    return this.httpDenied.count(labels);
  }

  noRoute(connection: Labels, server: ServerPolicy, port: number): Count {
    return this.routeNotFound.count({ ...connection, ...serverLabels(server.labels, port) });
  }

  tcpAllow(connection: Labels, server: ServerPolicy, port: number, authz: Authorization): void {
    this.tcpAllowed.add({ ...connection, ...serverLabels(server.labels, port), ...prefixed('authz', authz.labels) });
  }

  tcpDeny(connection: Labels, server: ServerPolicy, port: number): void {
    this.tcpDenied.add({ ...connection, ...serverLabels(server.labels, port) });
  }

  tcpTerminate(connection: Labels, server: ServerPolicy, port: number): void {
    this.tcpTerminated.add({ ...connection, ...serverLabels(server.labels, port) });
  }

  tcpError(error: TcpError): void {
    this.tcpErrors.add({ error });
  }

  httpError(error: string): void {
    this.httpErrors.add({ error });
  }

  /** The handle for accepted connections of one kind, by the policy in force when they come. */
  accepted(connection: Labels, server: ServerPolicy, port: number): TransportMetrics {
    return this.registry.transportMetrics({
      direction: 'inbound',
      peer: 'src',
      ...connection,
      ...serverLabels(server.labels, port),
    });
  }

  /** The handle for connections to the application. */
  forwarded(endpoint: Endpoint): TransportMetrics {
    const { address, port } = endpoint.info;
    return this.registry.transportMetrics({
      direction: 'inbound',
      peer: 'dst',
      ...targetLabels(address, port),
      tls: 'no_identity',
      no_tls_reason: 'loopback',
    });
  }

  onFinish(exchange: Exchange): void {
    this.inFlight--;
    const { failure } = exchange;
    if (failure !== undefined) this.httpErrors.add({ error: failure.kind });
    countResponse(exchange, this.nowMs);
  }
}

const serverLabels = (labels: PolicyLabels, port: number): Labels => ({
  ...prefixed('srv', labels),
  srv_port: String(port),
});

function prefixed(prefix: string, labels: PolicyLabels | undefined): Labels {
  if (labels === undefined) return {};
  return { [`${prefix}_group`]: labels.group, [`${prefix}_kind`]: labels.kind, [`${prefix}_name`]: labels.name };
}
