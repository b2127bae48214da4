import type { Balancer } from '../backend/balancer.ts';
import { Unusable } from '../backend/unusable.ts';
import type { Clock } from '../clock.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { plainPlan, type RoutePlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { type Destination, noPolicy, type OutboundPolicy, type OutboundRule } from '../policy/outbound/model.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import { asksForTunnel, type RouteTable } from '../route/route-table.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Backends } from './backends.ts';
import type { OutboundMetrics } from './metrics.ts';
import { ProfilePlans } from './profile-plans.ts';
import { rulePlan } from './rule-plan.ts';

const noRoute = plainPlan(new Unusable(failures.noRoute));

export interface PlansOptions {
  /** Where requests go of which nothing else is said. */
  readonly own: Balancer;
  /** What rules call it, as far as the target's name tells. */
  readonly name: { readonly host: string; readonly port: number };
  readonly backends: Backends;
  readonly metrics: OutboundMetrics;
  readonly clock: Clock;
}

/**
 * What becomes of the requests to one target, as its profile and its policy say now. They are made into plans when they
 * change, not when requests come. A profile with routes stands before a policy, as with Linkerd: it is the older way to
 * say the same, and who still has one means it.
 */
export class Plans {
  private readonly options: PlansOptions;
  private readonly plain: RoutePlan;
  private readonly profile: ProfilePlans;
  private authority: string;
  private policy: OutboundPolicy = noPolicy;
  /** By the version that a request comes in; undefined where all requests go by `plain`. */
  private http1: RouteTable<RoutePlan> | undefined = undefined;
  private http2: RouteTable<RoutePlan> | undefined = undefined;

  constructor(options: PlansOptions) {
    this.options = options;
    this.plain = plainPlan(options.own);
    this.profile = new ProfilePlans(this.plain, options.metrics, options.clock);
    this.authority = formatHostPort(options.name.host, options.name.port);
  }

  /** Takes the routes of a new profile; undefined when it has none. `authority` is what discovery calls the target. */
  replaceProfile(authority: string, routes: ProfileRoutes | undefined): void {
    this.profile.replace(authority, routes);
    if (authority === this.authority || authority === '') return;
    this.authority = authority;
    this.build();
  }

  replacePolicy(policy: OutboundPolicy): void {
    this.policy = policy;
    this.build();
  }

  find(exchange: Exchange): RoutePlan {
    const { head, version } = exchange;
    if (this.profile.hasRoutes) return this.profile.find(head);
    const table = version === 'http1' ? this.http1 : this.http2;
    if (table === undefined) return this.plain;
    // A tunnel has no path, and rules are about what has one.
    return table.find(head) ?? (asksForTunnel(head) ? this.plain : noRoute);
  }

  private build(): void {
    const { backends } = this.options;
    const named: Destination[] = [];
    const { http1, http2 } = this.policy;
    this.http1 = this.tableOf(http1, named);
    this.http2 = http1 === http2 ? this.http1 : this.tableOf(http2, named);
    backends.keepOnly(named);
  }

  private tableOf(
    rules: RouteTable<OutboundRule> | undefined,
    named: Destination[],
  ): RouteTable<RoutePlan> | undefined {
    const { own, backends, clock, metrics } = this.options;
    if (rules === undefined || (rules.only !== undefined && this.isPlain(rules.only))) return undefined;
    const options = {
      backendOf: (destination: Destination): Balancer => {
        if (this.isOwn(destination)) return own;
        named.push(destination);
        return backends.of(destination);
      },
      random: clock.random,
    };
    return rules.map((rule) => rulePlan(rule, { ...options, retryCounts: metrics.retries(this.policy.labels, rule) }));
  }

  /** Nothing is said by the rule but that all goes to the target itself. */
  private isPlain({ distribution: { backends }, timeouts, retry }: OutboundRule): boolean {
    const [{ destination, failure, timeoutMs }] = backends.length === 1 ? backends : [{} as (typeof backends)[number]];
    if (destination === undefined || failure !== undefined || timeoutMs !== undefined) return false;
    return timeouts === undefined && retry === undefined && this.isOwn(destination);
  }

  private isOwn(destination: Destination): boolean {
    const { host, port } = this.options.name;
    return destination.kind === 'service'
      ? destination.path === this.authority || destination.path === formatHostPort(host, port)
      : destination.address === host && destination.port === port;
  }
}
