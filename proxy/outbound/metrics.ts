import type { MirrorOutcome } from '../backend/mirror.ts';
import type { HedgeCounts } from '../backend/tries/hedge.ts';
import type { RetryCounts } from '../backend/tries/retries.ts';
import { DirectionMetrics } from '../exchange/direction-metrics.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { PolicyLabels, ResourceLabels } from '../policy/labels.ts';
import type { OutboundRule, OverrideTarget, RuleMirror } from '../policy/outbound/model.ts';
import type { ProfileRoute } from '../route/profile-routes.ts';
import { EjectionMetrics } from '../telemetry/ejection-metrics.ts';
import { endpointLabels } from '../telemetry/endpoint-labels.ts';
import { FailoverMetrics } from '../telemetry/failover-metrics.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Count, CounterFamily, MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { OverrideDecision } from './overrides.ts';

/** What is counted of the connections of one route. `hostname` is what their TLS asks for, or empty. */
export interface ConnectCounts {
  opened(hostname: string): void;
  /** `error` is why this proxy refused it, and empty for one that had an endpoint. */
  closed(hostname: string, error: string): void;
}

/** The outbound side's metrics. What endpoints answer they count themselves. */
export class OutboundMetrics extends DirectionMetrics {
  private readonly retryFamilies: { readonly [kind in keyof RetryCounts]: CounterFamily };
  private readonly hedgeFamilies: { readonly [kind in keyof HedgeCounts]: CounterFamily };
  /** What circuit breakers do. */
  readonly ejections: EjectionMetrics;
  /** What rules with backends in order of preference do. */
  readonly failovers: FailoverMetrics;
  private readonly retryable: CounterFamily;
  private readonly connectFamilies: { readonly [protocol in 'tcp' | 'tls']: ConnectFamilies };
  private readonly mirrorCopies: CounterFamily;
  private readonly overrideRequests: CounterFamily;
  private readonly transports = new WeakMap<EndpointInfo, TransportMetrics>();

  constructor(registry: MetricsRegistry, nowMs: () => number) {
    super('outbound', registry, nowMs);
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
    const family = (name: string, help: string): CounterFamily =>
      registry.counter(`outbound_http_route_${name}_total`, help);
    this.hedgeFamilies = {
      request: family('hedge_requests', 'Tries that were made while another of the same request was not answered.'),
      win: family('hedge_wins', 'Those of them that the client was answered by.'),
      overflow: family('hedge_overflow', 'Those that were not made since too many were.'),
    };
    this.retryFamilies = {
      request: family('retry_requests', 'Tries beyond the first of a request.'),
      success: family('retry_successes', 'Requests that were answered well after they were tried again.'),
      limitExceeded: family('retry_limit_exceeded', 'Requests that were not tried again since they had been so often.'),
      overflow: family('retry_overflow', 'Requests that were not tried again since too many were.'),
    };
  }

  /** Counts what hedges of a rule come to. They are few: the series is looked up. */
  hedges(parent: PolicyLabels, rule: OutboundRule): HedgeCounts {
    const labels = routeLabels(parent, rule);
    const { request, win, overflow } = this.hedgeFamilies;
    return {
      request: () => request.add(labels),
      win: () => win.add(labels),
      overflow: () => overflow.add(labels),
    };
  }

  /** Counts the connections of a route. They are few to what goes through them: the series is looked up. */
  connectRoute(protocol: 'tcp' | 'tls', parent: ResourceLabels, route: ResourceLabels): ConnectCounts {
    const { open, close } = this.connectFamilies[protocol];
    const labels: Labels = {
      parent_group: parent.group,
      parent_kind: parent.kind,
      parent_namespace: parent.namespace,
      parent_name: parent.name,
      parent_port: String(parent.port),
      parent_section_name: '',
      route_group: route.group,
      route_kind: route.kind,
      route_namespace: route.namespace,
      route_name: route.name,
    };
    const of = (hostname: string): Labels => (protocol === 'tls' ? { ...labels, hostname } : labels);
    return {
      opened: (hostname) => open.add(of(hostname)),
      closed: (hostname, error) => close.add({ ...of(hostname), error }),
    };
  }

  /** The handle for requests to `authority` at an endpoint. */
  requests(authority: string, info: EndpointInfo): RequestMetrics {
    return this.registry.requestMetrics({ direction: 'outbound', authority, ...endpointLabels(info) });
  }

  /** The handle for requests of one route of a service profile. */
  route(dst: string, { labels }: ProfileRoute): RequestMetrics {
    return this.registry.routeMetrics({ direction: 'outbound', dst, ...prefixed(labels) });
  }

  /** Counts a request that asked for another Service. They are few: the series is looked up. */
  overridden(parent: ResourceLabels, decision: OverrideDecision, to: OverrideTarget | undefined): void {
    this.overrideRequests.add({
      parent_group: parent.group,
      parent_kind: parent.kind,
      parent_namespace: parent.namespace,
      parent_name: parent.name,
      backend_namespace: to?.namespace ?? '',
      backend_name: to?.name ?? '',
      decision,
    });
  }

  /** Counts copies of requests by what became of them. */
  mirrored(parent: PolicyLabels, rule: OutboundRule, { labels }: RuleMirror, outcome: MirrorOutcome): Count {
    const to = { backend_group: labels.group, backend_kind: labels.kind, backend_name: labels.name };
    return this.mirrorCopies.count({ ...routeLabels(parent, rule), ...to, outcome });
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

  /** Counts what retries of a rule come to. They are seldom: the series is looked up. */
  retries(parent: PolicyLabels, rule: OutboundRule): RetryCounts {
    const labels = routeLabels(parent, rule);
    const { request, success, limitExceeded, overflow } = this.retryFamilies;
    return {
      request: () => request.add(labels),
      success: () => success.add(labels),
      limitExceeded: () => limitExceeded.add(labels),
      overflow: () => overflow.add(labels),
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

/** What metrics of requests call a route of a target, `parent`. */
export function routeLabels(parent: PolicyLabels, { labels: route }: OutboundRule): Labels {
  return {
    parent_group: parent.group,
    parent_kind: parent.kind,
    parent_name: parent.name,
    route_group: route.group,
    route_kind: route.kind,
    route_name: route.name,
  };
}
