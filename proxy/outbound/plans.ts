import type { Backend, TcpBackend } from '../backend/backend.ts';
import { Mirror } from '../backend/mirror.ts';
import type { Clock } from '../clock.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { plainPlan, type RoutePlan } from '../exchange/plan.ts';
import type { TraceOverrides } from '../exchange/trace-overrides.ts';
import type { ResourceLabels } from '../policy/labels.ts';
import { noPolicy, type OutboundPolicy, type OutboundRule } from '../policy/outbound/model.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import { asksForTunnel, type RouteTable } from '../route/route-table.ts';
import type { BalancerSeries } from '../telemetry/balancer-metrics.ts';
import type { Log } from '../telemetry/log.ts';
import { FieldMark } from '../wire/field.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Backends, Named } from './backends.ts';
import { ConnectPlans, requestRule } from './connect-plans.ts';
import { Failovers } from './failovers.ts';
import type { OutboundMetrics } from './metrics.ts';
import { type EndableWaiter, OpenCalls, type Refusals } from './open-calls.ts';
import { Overrides } from './overrides.ts';
import { ProfilePlans } from './profile-plans.ts';
import { forbidden, noRoute, refusal } from './refused-plans.ts';
import { routeLabelsOf } from './route-metrics.ts';
import { rulePlan } from './rule-plan.ts';

/** What is measured under the labels that policy has for it. */
interface Measurable {
  measure(series: BalancerSeries): void;
}

function release(held: readonly { release(nowMs: number): void }[], nowMs: number): void {
  for (const each of held) each.release(nowMs);
}

export interface PlansOptions {
  /** What the traces of requests to the workload ask for. */
  readonly traces: TraceOverrides;
  /** Where requests go of which nothing else is said. */
  readonly own: Backend & TcpBackend & Measurable;
  /** What rules call it, as far as the target's name tells. */
  readonly name: { readonly host: string; readonly port: number };
  readonly backends: Backends;
  readonly metrics: OutboundMetrics;
  readonly clock: Clock;
  readonly log: Log;
  /** It is outside of the mesh: what goes on there ends when policy comes to forbid it. */
  readonly isOutside: boolean;
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
  /** What discovery calls the target. */
  private authority: string;
  /** What policy calls it. */
  private path: string;
  private policy: OutboundPolicy = noPolicy;
  /** Policy has spoken, be it to say that it knows of none. */
  private isSettled = false;
  /** Discovery knows the target: what it does not know is no service, and its name no label. */
  private isDiscovered = false;
  /** A rule leads to the target itself, and has it measured by its name for it. */
  private isOwnCalled = false;
  /** By the version that a request comes in; undefined where all requests go to the target itself. */
  private http1: RouteTable<RoutePlan> | undefined = undefined;
  private http2: RouteTable<RoutePlan> | undefined = undefined;
  /** Of requests for which there is no table, by their version. */
  private whole1: RoutePlan;
  private whole2: RoutePlan;
  /** Of connections that nobody looks into; undefined where all of them go to the target itself. */
  private connects: ConnectPlans | undefined = undefined;
  /** Counts that are held while the policy is the one that it is. */
  private held: { release(nowMs: number): void }[] = [];
  private overrides: Overrides;
  private readonly failovers: Failovers;
  /** Undefined where nothing that is open is ended: a Service that has changed has forbidden nothing. */
  private readonly open: OpenCalls | undefined;
  /** Where profile and policy lead besides the target itself. */
  private named: Named[] = [];

  constructor(options: PlansOptions) {
    const { own, name, metrics, clock, log, isOutside } = options;
    this.options = options;
    this.open = isOutside ? new OpenCalls() : undefined;
    this.plain = Object.freeze({ ...plainPlan(own), open: this.open?.exchanges });
    this.whole1 = this.plain;
    this.whole2 = this.plain;
    this.authority = formatHostPort(name.host, name.port);
    this.path = this.authority;
    const backendOf = (path: string): Backend =>
      this.backendOf({ destination: { kind: 'service', path }, balancing: undefined }, undefined);
    this.failovers = new Failovers({ clock, log, metrics: metrics.failovers });
    this.profile = new ProfilePlans({ own, backendOf, metrics, clock });
    this.overrides = this.overridesOf(noPolicy);
  }

  /** Takes the routes of a new profile; undefined when it has none. `authority` is what discovery calls the target. */
  replaceProfile(authority: string, routes: ProfileRoutes | undefined): void {
    this.authority = authority;
    this.profile.replace(authority, routes);
    this.build();
  }

  /** Takes a new policy. `path` is what the target was asked for as: a short name may mean several. */
  replacePolicy(policy: OutboundPolicy, path: string): void {
    this.path = path;
    this.policy = policy;
    this.isSettled = true;
    this.build();
    this.open?.recheck(this.refusals);
  }

  /** The target is one that discovery knows. */
  discovered(): void {
    if (this.isDiscovered) return;
    this.isDiscovered = true;
    this.build();
    this.open?.recheck(this.refusals);
  }

  /** Counts no route any more. */
  close(): void {
    this.profile.replace('', undefined);
    release(this.held, this.options.clock.nowMs());
    this.held = [];
    this.failovers.begin();
    this.failovers.end();
  }

  /** The policy that holds now. */
  get current(): OutboundPolicy {
    return this.policy;
  }

  find(exchange: Exchange): RoutePlan {
    const plan = this.planFor(exchange);
    const { traces } = this.options;
    // What Services of the mesh are called is nobody's business outside of it.
    if (!traces.isEmpty && this.policy.labels.kind === 'Service') traces.addTo(exchange);
    if ((exchange.outgoing.marks & FieldMark.baggage) === 0 || plan === noRoute || plan === forbidden) return plan;
    return this.overrides.planOf(exchange, plan);
  }

  /** As profile and policy say, whatever the request asks for. */
  private planFor(exchange: Exchange): RoutePlan {
    const { head, origin } = exchange;
    const routes = this.profile.current;
    if (routes !== undefined) return this.profile.find(routes, head);
    const table = origin.version === 'http1' ? this.http1 : this.http2;
    if (table === undefined) return origin.version === 'http1' ? this.whole1 : this.whole2;
    // A tunnel has no path, and rules are about what has one.
    return table.find(head) ?? (asksForTunnel(head) ? this.plain : noRoute);
  }

  /** Gives a connection that nobody looks into to whom it is for. `serverName` is what its TLS asks for, if it was read. */
  connect(waiter: EndableWaiter, serverName: string | undefined): void {
    const endable = this.open?.add(waiter, serverName) ?? waiter;
    if (this.connects === undefined) this.options.own.connect(endable);
    else this.connects.connect(endable, serverName);
  }

  /** What the policy that holds now says of what was begun under another. */
  private get refusals(): Refusals {
    return {
      request: (exchange) => refusal(this.planFor(exchange)),
      connection: (serverName) => this.connects?.refusal(serverName),
    };
  }

  private build(): void {
    const { http1, http2, connect, labels } = this.policy;
    const before = this.held;
    this.held = [];
    this.named = [];
    this.isOwnCalled = false;
    this.failovers.begin();
    this.profile.build((http1 ?? http2)?.only?.traceSampleRate);
    this.http1 = this.tableOf(http1);
    this.http2 = http1 === http2 ? this.http1 : this.tableOf(http2);
    const { clock, metrics } = this.options;
    const whole = this.wholePlan();
    this.whole1 = this.plainPlanOf(http1) ?? whole;
    this.whole2 = http1 === http2 ? this.whole1 : (this.plainPlanOf(http2) ?? whole);
    this.overrides = this.overridesOf(this.policy);
    // What is held by both is never without a holder.
    release(before, clock.nowMs());
    this.connects =
      connect &&
      new ConnectPlans(connect, {
        backendOf: ({ destination, labels: called }) => this.backendOf({ destination, balancing: undefined }, called),
        random: clock.random,
        countsOf: (rule) => metrics.connectRoute(connect.byName ? 'tls' : 'tcp', labels, rule.labels),
      });
    this.measureOwn();
    this.failovers.end();
    this.options.backends.keepOnly(this.named);
  }

  /** Requests to what is said to speak no HTTP go where its connections go: clients of explicit mode may send some. */
  private wholePlan(): RoutePlan {
    const { protocol, connect } = this.policy;
    if (connect === undefined || (protocol !== 'opaque' && protocol !== 'tls')) return this.plain;
    const rule = connect.find(undefined);
    if (rule === undefined) return noRoute;
    return rule.isForbidden ? forbidden : this.planOf(requestRule(rule));
  }

  private overridesOf({ labels, overrides }: OutboundPolicy): Overrides {
    return new Overrides({
      target: labels,
      allowed: overrides,
      backendOf: ({ destination, labels: called }) => this.backendOf({ destination, balancing: undefined }, called),
      count: (decision, to) => this.options.metrics.overridden(labels, decision, to),
    });
  }

  /** Undefined where rules say more than that all goes to the target itself, and where nothing is said. */
  private plainPlanOf(rules: RouteTable<OutboundRule> | undefined): RoutePlan | undefined {
    const rule = rules?.only;
    if (rule === undefined || !this.isPlain(rule)) return undefined;
    return this.planOf(rule);
  }

  private tableOf(rules: RouteTable<OutboundRule> | undefined): RouteTable<RoutePlan> | undefined {
    if (rules === undefined || (rules.only !== undefined && this.isPlain(rules.only))) return undefined;
    return rules.map((rule) => this.planOf(rule));
  }

  private planOf(rule: OutboundRule): RoutePlan {
    const { clock, metrics } = this.options;
    const { labels } = this.policy;
    const counts = metrics.routes.rule(labels, rule);
    this.held.push(counts);
    return rulePlan(rule, {
      backendOf: (named, called) => this.backendOf(named, called),
      random: clock.random,
      counts,
      parent: labels,
      mirrorOf: (mirror, to) => {
        const made = new Mirror(to, mirror.ratio, (outcome) => metrics.mirrored(labels, rule, mirror, outcome));
        this.held.push(made);
        return made;
      },
      failoverOf: (distribution, backends) =>
        this.failovers.of(routeLabelsOf(labels, rule.labels), distribution, backends),
      open: this.open?.exchanges,
    });
  }

  /** `called` is what policy calls it; undefined where that is not known. */
  private backendOf(named: Named, called: ResourceLabels | undefined): Backend & TcpBackend {
    const { own, backends } = this.options;
    if (this.isOwn(named)) {
      if (called !== undefined) this.measureOwn(called);
      return own;
    }
    this.named.push(named);
    const balancer = backends.of(named);
    if (named.destination.kind === 'service') balancer.measure(this.seriesOf(named.destination.path, called));
    return balancer;
  }

  /** As what a rule calls it that leads there, or else as the target of the policy. */
  private measureOwn(called?: ResourceLabels): void {
    if (!this.isSettled || !this.isDiscovered) return;
    if (called !== undefined) this.isOwnCalled = true;
    else if (this.isOwnCalled) return;
    this.options.own.measure(this.seriesOf(this.authority, called));
  }

  private seriesOf(authority: string, called: ResourceLabels | undefined): BalancerSeries {
    return this.options.metrics.balancer(authority, this.policy.labels, called ?? this.policy.labels);
  }

  /** Nothing is said by the rule but that all goes to the target itself. */
  private isPlain(rule: OutboundRule): boolean {
    const { backends } = rule.distribution;
    if (backends.length !== 1 || rule.mirrors.length > 0 || rule.allowsOverrides) return false;
    if ((rule.filters ?? rule.timeouts ?? rule.retry ?? rule.hedge) !== undefined) return false;
    const [{ destination, balancing, filters: own, mirrors: copies, timeoutMs }] = backends;
    if (own !== undefined || copies.length > 0 || timeoutMs !== undefined || destination === undefined) return false;
    return this.isOwn({ destination, balancing });
  }

  /** What is balanced over in a way of its own is another, though it leads to the target, too. */
  private isOwn({ destination, balancing }: Named): boolean {
    if (balancing !== undefined) return false;
    const { host, port } = this.options.name;
    return destination.kind === 'service'
      ? destination.path === this.authority || destination.path === this.path
      : destination.address === host && destination.port === port;
  }
}
