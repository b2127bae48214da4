import { DirectionMetrics } from '../exchange/direction-metrics.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { ProfileRoute } from '../route/profile-routes.ts';
import { endpointLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { MetricsRegistry, TransportMetrics } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

/** The outbound side's metrics. What endpoints answer they count themselves. */
export class OutboundMetrics extends DirectionMetrics {
  private readonly transports = new WeakMap<EndpointInfo, TransportMetrics>();

  constructor(registry: MetricsRegistry, nowMs: () => number) {
    super('outbound', registry, nowMs);
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
}
