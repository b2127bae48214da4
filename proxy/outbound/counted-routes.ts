import type { Clock } from '../clock.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ProfileRoute, ProfileRoutes } from '../route/profile-routes.ts';
import { type Classification, classify, isFailed } from '../telemetry/classify.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { OutboundMetrics } from './outbound-metrics.ts';

/** A route of a destination with its metrics: kept, so that a request finds them by its route alone. */
export class CountedRoute {
  readonly metrics: RequestMetrics;
  private readonly route: ProfileRoute;

  constructor(route: ProfileRoute, metrics: RequestMetrics) {
    this.route = route;
    this.metrics = metrics;
  }

  /** As `classify`, but for what the profile itself says of a status. */
  classify(status: number, grpc: number, error: string | undefined): Classification {
    const isFailure = isFailed(error) ? undefined : this.route.isFailure(status);
    if (isFailure === undefined) return classify(status, grpc, error);
    return isFailure ? 'failure' : 'success';
  }
}

/** The routes of a destination's profile, each with its metrics once a request has taken it. */
export class CountedRoutes {
  private readonly metrics: OutboundMetrics;
  private readonly clock: Clock;
  private readonly counted = new Map<ProfileRoute, CountedRoute>();
  private routes: ProfileRoutes | undefined = undefined;
  private authority = '';

  constructor(metrics: OutboundMetrics, clock: Clock) {
    this.metrics = metrics;
    this.clock = clock;
  }

  /** Takes the routes of a new profile; undefined when it has none. */
  replace(authority: string, routes: ProfileRoutes | undefined): void {
    const nowMs = this.clock.nowMs();
    for (const { metrics } of this.counted.values()) metrics.release(nowMs);
    this.counted.clear();
    this.authority = authority;
    this.routes = routes;
  }

  /** Counts a request to its route, if there are any and it has none yet. Its response is counted by the observer. */
  count(exchange: Exchange): void {
    if (this.routes === undefined || exchange.route !== undefined) return;
    const route = this.routes.find(exchange.head);
    let counted = this.counted.get(route);
    if (counted === undefined) {
      counted = new CountedRoute(route, this.metrics.route(this.authority, route));
      this.counted.set(route, counted);
    }
    counted.metrics.request();
    exchange.route = counted;
  }
}
