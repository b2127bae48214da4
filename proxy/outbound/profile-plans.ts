import type { Clock } from '../clock.ts';
import type { RoutePlan, Sender } from '../exchange/plan.ts';
import type { ProfileRoute, ProfileRoutes } from '../route/profile-routes.ts';
import { type Classification, classify, isFailed } from '../telemetry/classify.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { OutboundMetrics } from './metrics.ts';

/** A route of a service profile: its requests are counted, and it may say itself which answers are failures. */
class ProfilePlan implements RoutePlan {
  readonly sender: Sender;
  readonly metrics: RequestMetrics;
  readonly tries = undefined;
  private readonly route: ProfileRoute;

  constructor(sender: Sender, route: ProfileRoute, metrics: RequestMetrics) {
    this.sender = sender;
    this.route = route;
    this.metrics = metrics;
  }

  classify(status: number, grpc: number, error: string | undefined): Classification {
    const isFailure = isFailed(error) ? undefined : this.route.isFailure(status);
    if (isFailure === undefined) return classify(status, grpc, error);
    return isFailure ? 'failure' : 'success';
  }
}

/** The plans for the routes of a target's profile, made when the first request of a route comes. */
export class ProfilePlans {
  private readonly metrics: OutboundMetrics;
  private readonly clock: Clock;
  private readonly plain: RoutePlan;
  private readonly byRoute = new Map<ProfileRoute, ProfilePlan>();
  private routes: ProfileRoutes | undefined = undefined;
  private authority = '';

  constructor(plain: RoutePlan, metrics: OutboundMetrics, clock: Clock) {
    this.plain = plain;
    this.metrics = metrics;
    this.clock = clock;
  }

  get hasRoutes(): boolean {
    return this.routes !== undefined;
  }

  /** Takes the routes of a new profile; undefined when it has none. */
  replace(authority: string, routes: ProfileRoutes | undefined): void {
    const nowMs = this.clock.nowMs();
    for (const { metrics } of this.byRoute.values()) metrics.release(nowMs);
    this.byRoute.clear();
    this.authority = authority;
    this.routes = routes;
  }

  find(head: RequestHead): RoutePlan {
    if (this.routes === undefined) return this.plain;
    const route = this.routes.find(head);
    let plan = this.byRoute.get(route);
    if (plan === undefined) {
      plan = new ProfilePlan(this.plain.sender, route, this.metrics.route(this.authority, route));
      this.byRoute.set(route, plan);
    }
    return plan;
  }
}
