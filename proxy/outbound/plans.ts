import type { Backend, TcpBackend } from '../backend/backend.ts';
import { Mirror } from '../backend/mirror.ts';
import { Unusable } from '../backend/unusable.ts';
import type { Clock } from '../clock.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { plainPlan, type RoutePlan } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { TraceOverrides } from '../exchange/trace-overrides.ts';
import { noPolicy, type OutboundPolicy, type OutboundRule } from '../policy/outbound/model.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import { asksForTunnel, type RouteTable } from '../route/route-table.ts';
import type { Log } from '../telemetry/log.ts';
import { FieldMark } from '../wire/field.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Backends, Named } from './backends.ts';
import { ConnectPlans, requestRule } from './connect-plans.ts';
import { Failovers } from './failovers.ts';
import { type OutboundMetrics, routeLabels } from './metrics.ts';
import { type EndableWaiter, OpenCalls, type Refusals } from './open-calls.ts';
import { Overrides } from './overrides.ts';
import { ProfilePlans } from './profile-plans.ts';
import { rulePlan } from './rule-plan.ts';

const noRoute = plainPlan(new Unusable(failures.noRoute));
const forbidden = plainPlan(new Unusable(failures.forbidden));

/** Why the requests of a plan go nowhere; undefined when they may. */
function refusal(plan: RoutePlan): ProxyFailure | undefined {
  if (plan === noRoute) return failures.noRoute;
  return plan === forbidden || plan.filters?.failAll === true ? failures.forbidden : undefined;
}

export interface PlansOptions {
  /** What the traces of requests to the workload ask for. */
  readonly traces: TraceOverrides;
  /** Where requests go of which nothing else is said. */
  readonly own: Backend & TcpBackend;
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
  /** By the version that a request comes in; undefined where all requests go by `plain`. */
  private http1: RouteTable<RoutePlan> | undefined = undefined;
  private http2: RouteTable<RoutePlan> | undefined = undefined;
  /** Of requests for which there is no table. */
  private whole: RoutePlan;
  /** Of connections that nobody looks into; undefined where all of them go to the target itself. */
  private connects: ConnectPlans | undefined = undefined;
  private overrides: Overrides;
  private mirrors: Mirror[] = [];
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
    this.whole = this.plain;
    this.authority = formatHostPort(name.host, name.port);
    this.path = this.authority;
    const backendOf = (path: string): Backend =>
      this.backendOf({ destination: { kind: 'service', path }, balancing: undefined });
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
    this.build();
    this.open?.recheck(this.refusals);
  }

  /** Counts no route any more. */
  close(): void {
    this.profile.replace('', undefined);
    this.releaseMirrors();
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
    if (table === undefined) return this.whole;
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
    this.named = [];
    this.releaseMirrors();
    this.failovers.begin();
    this.profile.build();
    this.http1 = this.tableOf(http1);
    this.http2 = http1 === http2 ? this.http1 : this.tableOf(http2);
    const { clock, metrics } = this.options;
    this.whole = this.wholePlan();
    this.overrides = this.overridesOf(this.policy);
    this.connects =
      connect &&
      new ConnectPlans(connect, {
        backendOf: (destination) => this.backendOf({ destination, balancing: undefined }),
        random: clock.random,
        countsOf: (rule) => metrics.connectRoute(connect.byName ? 'tls' : 'tcp', labels, rule.labels),
      });
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
      backendOf: ({ destination }) => this.backendOf({ destination, balancing: undefined }),
      count: (decision, to) => this.options.metrics.overridden(labels, decision, to),
    });
  }

  private tableOf(rules: RouteTable<OutboundRule> | undefined): RouteTable<RoutePlan> | undefined {
    if (rules === undefined || (rules.only !== undefined && this.isPlain(rules.only))) return undefined;
    return rules.map((rule) => this.planOf(rule));
  }

  private planOf(rule: OutboundRule): RoutePlan {
    const { clock, metrics } = this.options;
    const { labels } = this.policy;
    return rulePlan(rule, {
      backendOf: (named) => this.backendOf(named),
      random: clock.random,
      parent: labels,
      retryCounts: metrics.retries(labels, rule),
      hedgeCounts: metrics.hedges(labels, rule),
      mirrorOf: (mirror, to) => {
        const made = new Mirror(to, mirror.ratio, (outcome) => metrics.mirrored(labels, rule, mirror, outcome));
        this.mirrors.push(made);
        return made;
      },
      failoverOf: (distribution, backends) => this.failovers.of(routeLabels(labels, rule), distribution, backends),
      open: this.open?.exchanges,
    });
  }

  private releaseMirrors(): void {
    const nowMs = this.options.clock.nowMs();
    for (const mirror of this.mirrors) mirror.release(nowMs);
    this.mirrors = [];
  }

  private backendOf(named: Named): Backend & TcpBackend {
    if (this.isOwn(named)) return this.options.own;
    this.named.push(named);
    return this.options.backends.of(named);
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
