import { DirectionMetrics } from '../exchange/direction-metrics.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { CheckDecision, CheckPolicy } from '../ext-authz/check-policy.ts';
import type { RateLimitPolicy } from '../policy/inbound/rate-limit-policy.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import type { PolicyLabels } from '../policy/labels.ts';
import { type ShownPort, targetLabels } from '../telemetry/endpoint-labels.ts';
import type { Histogram, HistogramFamily } from '../telemetry/families.ts';
import { latencyBoundsMs } from '../telemetry/histogram.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Count, CounterFamily, MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { InboundRouteCounts, InboundStreams } from './route-counts.ts';

type PolicyCounters = ReturnType<typeof policyCounters>;

function policyCounters(registry: MetricsRegistry) {
  const counter = (name: string, help: string): CounterFamily => registry.counter(name, help);
  return {
    httpAllowed: counter('inbound_http_authz_allow_total', 'HTTP requests that policy let in.'),
    httpDenied: counter('inbound_http_authz_deny_total', 'HTTP requests that policy refused.'),
    rateLimited: counter('inbound_http_local_ratelimit_total', 'HTTP requests that a rate limit refused.'),
    checked: counter('inbound_http_ext_authz_total', 'HTTP requests that an authorizer was to be asked about.'),
    leftOut: counter(
      'inbound_http_ext_authz_fields_left_out_total',
      'Fields that authorizers wrote and that they may not write.',
    ),
    routeNotFound: counter('inbound_http_route_not_found_total', 'HTTP requests that fit no route.'),
    tcpAllowed: counter('inbound_tcp_authz_allow_total', 'TCP connections that policy let in.'),
    tcpDenied: counter('inbound_tcp_authz_deny_total', 'TCP connections that policy refused.'),
    tcpTerminated: counter('inbound_tcp_authz_terminate_total', 'TCP connections that a change of policy ended.'),
  };
}

/** The inbound side's metrics: what policy decides besides what both sides count. */
export class InboundMetrics extends DirectionMetrics {
  private readonly policy: PolicyCounters;
  private readonly streams: InboundStreams;
  private readonly checkTimes: HistogramFamily;

  constructor(registry: MetricsRegistry, nowMs: () => number) {
    // Scrapes show families in the order in which they were made.
    const policy = policyCounters(registry);
    super('inbound', registry, nowMs);
    this.policy = policy;
    this.streams = new InboundStreams(registry);
    const time = 'Milliseconds from the question to an authorizer to what came of it.';
    this.checkTimes = registry.histogram('inbound_http_ext_authz_duration_ms', time, latencyBoundsMs);
  }

  /** The handle for requests of one kind of client on one port, by route and authorization: the caller releases it. */
  requests(
    connection: Labels,
    server: ServerPolicy,
    port: ShownPort,
    route: RoutePolicy | undefined,
    authz: Authorization,
  ): InboundRouteCounts {
    const requests = this.registry.requestMetrics({
      direction: 'inbound',
      ...connection,
      ...serverLabels(server.labels, port),
      ...prefixed('route', route?.labels),
      ...prefixed('authz', authz.labels),
    });
    return new InboundRouteCounts(requests, this.streams.hold(server, port, route), server.isGrpc);
  }

  allowed(
    connection: Labels,
    server: ServerPolicy,
    port: ShownPort,
    route: RoutePolicy | undefined,
    authz: Authorization,
  ): Count {
    return this.policy.httpAllowed.count({
      ...connection,
      ...serverLabels(server.labels, port),
      ...prefixed('route', route?.labels),
      ...prefixed('authz', authz.labels),
    });
  }

  denied(connection: Labels, server: ServerPolicy, port: ShownPort, route: RoutePolicy | undefined): Count {
    const labels = { ...connection, ...serverLabels(server.labels, port), ...prefixed('route', route?.labels) };
    return this.policy.httpDenied.count(labels);
  }

  /** Scopes as Linkerd's: an override is one of `identity`. */
  rateLimited(
    connection: Labels,
    server: ServerPolicy,
    port: ShownPort,
    limit: RateLimitPolicy,
    scope: 'total' | 'identity',
  ): Count {
    return this.policy.rateLimited.count({
      ...connection,
      ...serverLabels(server.labels, port),
      ...prefixed('ratelimit', limit.labels),
      ratelimit_scope: scope,
    });
  }

  /** Requests of one kind of client that came to `decision` by an authorizer. */
  checked(
    connection: Labels,
    server: ServerPolicy,
    port: ShownPort,
    check: CheckPolicy,
    decision: CheckDecision,
  ): Count {
    const labels = { ...serverLabels(server.labels, port), ...prefixed('ext_authz', check.labels) };
    return this.policy.checked.count({ ...connection, ...labels, decision });
  }

  /** How long its answers take. */
  checkTime(server: ServerPolicy, port: ShownPort, check: CheckPolicy): Histogram {
    const labels = { ...serverLabels(server.labels, port), ...prefixed('ext_authz', check.labels) };
    return this.checkTimes.histogram(labels);
  }

  leftOut(server: ServerPolicy, port: ShownPort, check: CheckPolicy, fields: number): void {
    const labels = { ...serverLabels(server.labels, port), ...prefixed('ext_authz', check.labels) };
    this.policy.leftOut.add(labels, fields);
  }

  noRoute(connection: Labels, server: ServerPolicy, port: ShownPort): Count {
    return this.policy.routeNotFound.count({ ...connection, ...serverLabels(server.labels, port) });
  }

  tcpAllow(connection: Labels, server: ServerPolicy, port: ShownPort, authz: Authorization): void {
    this.policy.tcpAllowed.add({
      ...connection,
      ...serverLabels(server.labels, port),
      ...prefixed('authz', authz.labels),
    });
  }

  tcpDeny(connection: Labels, server: ServerPolicy, port: ShownPort): void {
    this.policy.tcpDenied.add({ ...connection, ...serverLabels(server.labels, port) });
  }

  tcpTerminate(connection: Labels, server: ServerPolicy, port: ShownPort): void {
    this.policy.tcpTerminated.add({ ...connection, ...serverLabels(server.labels, port) });
  }

  /** The handle for accepted connections of one kind, by the policy in force when they come. */
  accepted(connection: Labels, server: ServerPolicy, port: ShownPort): TransportMetrics {
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

  override onFinish(exchange: Exchange): void {
    super.onFinish(exchange);
    if (exchange.budget !== undefined) exchange.budget.requests--;
  }
}

const serverLabels = (labels: PolicyLabels, port: ShownPort): Labels => ({
  ...prefixed('srv', labels),
  srv_port: String(port),
});

function prefixed(prefix: string, labels: PolicyLabels | undefined): Labels {
  if (labels === undefined) return {};
  return { [`${prefix}_group`]: labels.group, [`${prefix}_kind`]: labels.kind, [`${prefix}_name`]: labels.name };
}
