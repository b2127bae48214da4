import type { Backend } from '../backend/backend.ts';
import { CountedSender } from '../backend/counted.ts';
import { Split } from '../backend/split.ts';
import type { Retrying } from '../backend/tries/retries.ts';
import { triesOf } from '../backend/tries/rule-tries.ts';
import type { Clock } from '../clock.ts';
import { ClassifiedRequests, ClassifiedTries } from '../exchange/counts.ts';
import type { RoutePlan, Sender } from '../exchange/plan.ts';
import type { RetryRule } from '../model/tries.ts';
import { RetryBudget } from '../resilience/retry-budget.ts';
import type { ProfileRoute, ProfileRoutes } from '../route/profile-routes.ts';
import { type Classification, classify, isFailed } from '../telemetry/classify.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { OutboundMetrics } from './metrics.ts';

/** A route of a service profile: its requests are counted, and it may say itself which answers are failures. */
class ProfilePlan implements RoutePlan {
  readonly sender: Sender;
  readonly counts: ClassifiedRequests;
  readonly elsewhere: RoutePlan['elsewhere'];
  readonly filters = undefined;
  readonly decided: RoutePlan['decided'];
  readonly open = undefined;
  readonly traceSampleRate: number | undefined;
  readonly tries: RoutePlan['tries'];
  private readonly route: ProfileRoute;

  private readonly held: readonly RequestMetrics[];

  /** `metrics` are those of its requests, and of their tries; `traceSampleRate` is that of its Service. */
  constructor(
    dst: string,
    sender: Sender,
    route: ProfileRoute,
    metrics: readonly [requests: RequestMetrics, tries: RequestMetrics],
    retrying: Omit<Retrying, 'isRetryable'>,
    traceSampleRate: number | undefined,
  ) {
    this.traceSampleRate = traceSampleRate;
    const { timeoutMs, isRetryable } = route;
    const [requests, tries] = metrics;
    const tryCounts = new ClassifiedTries(tries);
    this.sender = new CountedSender(sender, tryCounts);
    this.elsewhere = () => tryCounts;
    this.route = route;
    this.held = metrics;
    this.counts = new ClassifiedRequests(requests);
    const { route: name } = route.labels;
    this.decided = {
      route: name === undefined ? undefined : { group: 'linkerd.io', kind: 'route', name },
      parent: { group: 'linkerd.io', kind: 'ServiceProfile', name: dst },
      authorization: undefined,
      override: undefined,
    };
    const isFailure: Retrying['isRetryable'] = (status, grpc) => this.classify(status, grpc, undefined) === 'failure';
    this.tries = triesOf({
      timeouts:
        timeoutMs === undefined ? undefined : { requestMs: timeoutMs, responseMs: undefined, idleMs: undefined },
      retrying: isRetryable ? { ...retrying, isRetryable: isFailure } : undefined,
      hedging: undefined,
    });
  }

  release(nowMs: number): void {
    for (const metrics of this.held) metrics.release(nowMs);
  }

  classify(status: number, grpc: number, error: string | undefined): Classification {
    const isFailure = isFailed(error) ? undefined : this.route.isFailure(status);
    if (isFailure === undefined) return classify(status, grpc, error);
    return isFailure ? 'failure' : 'success';
  }
}

/** A profile's budget bounds what is tried again, not a number of tries: this one only ends what nothing else does. */
const retryRule: RetryRule = {
  maxRetries: 100,
  maxRequestBytes: 64 * 1024,
  statuses: [],
  grpcStatuses: new Set(),
  tryTimeoutMs: undefined,
  backOff: { minMs: 25, maxMs: 250, jitter: 1 },
};

export interface ProfilePlansOptions {
  /** Where requests go, unless the profile says otherwise. */
  readonly own: Backend;
  /** Who balances over a service, by what discovery calls it. */
  readonly backendOf: (path: string) => Backend;
  readonly metrics: OutboundMetrics;
  readonly clock: Clock;
}

/** The plans for the routes of a target's profile, made when the first request of a route comes. */
export class ProfilePlans {
  private readonly options: ProfilePlansOptions;
  private readonly byRoute = new Map<ProfileRoute, ProfilePlan>();
  private routes: ProfileRoutes | undefined = undefined;
  private sender: Sender;
  private budget: RetryBudget | undefined = undefined;
  private authority = '';
  private traceSampleRate: number | undefined = undefined;

  constructor(options: ProfilePlansOptions) {
    this.options = options;
    this.sender = options.own;
  }

  /** Those of the profile; undefined when it has none. */
  get current(): ProfileRoutes | undefined {
    return this.routes;
  }

  /** Takes the routes of a new profile; undefined when it has none. */
  replace(authority: string, routes: ProfileRoutes | undefined): void {
    this.forget();
    this.authority = authority;
    this.routes = routes;
    this.budget = routes && new RetryBudget(routes.budget);
  }

  /**
   * Has requests go to who balances over what the profile names: to be called when that may have changed, or what policy
   * says of their traces, of which a profile says nothing.
   */
  build(traceSampleRate: number | undefined): void {
    const { own, backendOf, clock } = this.options;
    if (traceSampleRate !== this.traceSampleRate) this.forget();
    this.traceSampleRate = traceSampleRate;
    const overrides = this.routes?.overrides ?? [];
    const backends = overrides.map(({ path, weight }) => ({ backend: backendOf(path), weight }));
    const isSame = backends.length === 0;
    if (isSame && this.sender === own) return;
    this.sender = isSame ? own : new Split(backends, clock.random);
    this.forget();
  }

  find(routes: ProfileRoutes, head: RequestHead): RoutePlan {
    const route = routes.find(head);
    let plan = this.byRoute.get(route);
    if (plan === undefined) {
      const { metrics } = this.options;
      const dst = this.authority;
      const held = [metrics.route(dst, route), metrics.routeTries(dst, route)] as const;
      const counts = metrics.profileRetries(dst, route);
      const retrying = { rule: retryRule, budget: this.budget, counts };
      plan = new ProfilePlan(dst, this.sender, route, held, retrying, this.traceSampleRate);
      this.byRoute.set(route, plan);
    }
    return plan;
  }

  private forget(): void {
    const nowMs = this.options.clock.nowMs();
    for (const plan of this.byRoute.values()) plan.release(nowMs);
    this.byRoute.clear();
  }
}
