import type { MirrorOutcome } from '../backend/mirror.ts';
import type { RetryCounts } from '../backend/tries/retries.ts';
import { DirectionMetrics } from '../exchange/direction-metrics.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { ResourceLabels } from '../policy/labels.ts';
import type { OutboundRule, OverrideTarget, RuleMirror } from '../policy/outbound/model.ts';
import type { ProfileRoute } from '../route/profile-routes.ts';
import type { BalancerFamilies, BalancerSeries } from '../telemetry/balancer-metrics.ts';
import { EjectionMetrics } from '../telemetry/ejection-metrics.ts';
import { endpointLabels } from '../telemetry/endpoint-labels.ts';
import { FailoverMetrics } from '../telemetry/failover-metrics.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Count, CounterFamily, MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { OverrideDecision } from './overrides.ts';
import { RouteMetrics, routeLabelsOf, targetLabelsOf } from './route-metrics.ts';

/** What is counted of the connections of one route. `hostname` is what their TLS asks for, or empty. */
export interface ConnectCounts {
  opened(hostname: string): void;
  /** `error` is why this proxy refused it, and empty for one that had an endpoint. */
  closed(hostname: string, error: string): void;
}

/** The outbound side's metrics. What endpoints answer they count themselves. */
export class OutboundMetrics extends DirectionMetrics {
  /** What is counted of the routes of policy. */
  readonly routes: RouteMetrics;
  private readonly balancers: BalancerFamilies;
  /** What circuit breakers do. */
  readonly ejections: EjectionMetrics;
  /** What rules with backends in order of preference do. */
  readonly failovers: FailoverMetrics;
  private readonly retryable: CounterFamily;
  private readonly connectFamilies: { readonly [protocol in 'tcp' | 'tls']: ConnectFamilies };
  private readonly mirrorCopies: CounterFamily;
  private readonly overrideRequests: CounterFamily;
  private readonly transports = new WeakMap<EndpointInfo, TransportMetrics>();

  /** `byHostname`: requests of routes are told apart by the host that they name. */
  constructor(registry: MetricsRegistry, nowMs: () => number, byHostname = false) {
    super('outbound', registry, nowMs);
    this.routes = new RouteMetrics(registry, byHostname);
    this.balancers = registry.balancers();
    this.ejections = new EjectionMetrics(registry);
    this.failovers = new FailoverMetrics(registry);
    this.mirrorCopies = registry.counter(
      'outbound_http_route_mirror_copies_total',
      'Copies of requests that were sent to a mirror, by what became of them.',
    );
    this.overrideRequests = registry.counter(
      'outbound_http_override_requests_total',
      'Requests that asked for another Service in place of the one that they were sent to, by what was decided.',
    );
    this.retryable = registry.counter('route_retryable_total', 'Failed requests of routes that are tried again.');
    const connections = (protocol: string): ConnectFamilies => ({
      open: registry.counter(`outbound_${protocol}_route_open_total`, 'Connections that a route was found for.'),
      close: registry.counter(`outbound_${protocol}_route_close_total`, 'Those that have ended, or were refused.'),
    });
    this.connectFamilies = { tcp: connections('tcp'), tls: connections('tls') };
  }

  /** Counts the connections of a route. They are few to what goes through them: the series is looked up. */
  connectRoute(protocol: 'tcp' | 'tls', parent: ResourceLabels, route: ResourceLabels): ConnectCounts {
    const { open, close } = this.connectFamilies[protocol];
    const labels = routeLabelsOf(parent, route);
    const of = (hostname: string): Labels => (protocol === 'tls' ? { ...labels, hostname } : labels);
    return {
      opened: (hostname) => open.add(of(hostname)),
      closed: (hostname, error) => close.add({ ...of(hostname), error }),
    };
  }

  /** Where a balancer is measured that leads to `authority`: `backend` of `parent`, as policy calls them. */
  balancer(authority: string, parent: ResourceLabels, backend: ResourceLabels): BalancerSeries {
    const labels = { ...targetLabelsOf('parent', parent), ...targetLabelsOf('backend', backend) };
    return this.balancers.of({ authority, ...labels });
  }

  /** The handle for requests to `authority` at an endpoint. */
  requests(authority: string, info: EndpointInfo): RequestMetrics {
    return this.registry.requestMetrics({ direction: 'outbound', authority, ...endpointLabels(info) });
  }

  /** The handle for requests of one route of a service profile. */
  route(dst: string, { labels }: ProfileRoute): RequestMetrics {
    return this.registry.routeMetrics({ direction: 'outbound', dst, ...prefixed(labels) });
  }

  /** The handle for its tries. */
  routeTries(dst: string, { labels }: ProfileRoute): RequestMetrics {
    return this.registry.routeTryMetrics({ direction: 'outbound', dst, ...prefixed(labels) });
  }

  /** Counts a request that asked for another Service. They are few: the series is looked up. */
  overridden(parent: ResourceLabels, decision: OverrideDecision, to: OverrideTarget | undefined): void {
    this.overrideRequests.add({
      parent_group: parent.group,
      parent_kind: parent.kind,
      parent_namespace: parent.namespace,
      parent_name: parent.name,
      backend_namespace: to?.labels.namespace ?? '',
      backend_name: to?.labels.name ?? '',
      decision,
    });
  }

  /** Counts copies of requests by what became of them. */
  mirrored(parent: ResourceLabels, rule: OutboundRule, { labels }: RuleMirror, outcome: MirrorOutcome): Count {
    const to = targetLabelsOf('backend', labels);
    return this.mirrorCopies.count({ ...routeLabelsOf(parent, rule.labels), ...to, outcome });
  }

  /** Counts what is tried again, and what is not for want of a budget, of a route of a service profile. */
  profileRetries(dst: string, { labels }: ProfileRoute): RetryCounts {
    const all = { direction: 'outbound', dst, ...prefixed(labels) };
    return {
      request: () => this.retryable.add(all),
      success: () => {},
      limitExceeded: () => this.retryable.add({ ...all, skipped: 'limit' }),
      overflow: () => this.retryable.add({ ...all, skipped: 'no_budget' }),
    };
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
}

/** The labels of a profile's route are told apart from the proxy's own. */
function prefixed(labels: Readonly<Record<string, string>>): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`rt_${name}`, value]));
}

interface ConnectFamilies {
  readonly open: CounterFamily;
  readonly close: CounterFamily;
}
