import { CountedSender } from '../backend/counted.ts';
import type { Clock } from '../clock.ts';
import type { RoutePlan, Sender } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { CheckPolicy } from '../ext-authz/check-policy.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import { foldedRoute, headReadings, isReadInWays } from '../policy/inbound/readings.ts';
import type { RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import { asksForTunnel } from '../route/route-table.ts';
import { classify } from '../telemetry/classify.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import type { LogFields } from '../telemetry/log.ts';
import type { Count } from '../telemetry/registry.ts';
import type { TokenPolicy } from '../tokens/token-policy.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { Incoming } from './incoming.ts';
import type { InboundMetrics } from './metrics.ts';
import { decisionFields, decisionKey } from './policy-log.ts';
import type { InboundRouteCounts } from './route-counts.ts';

interface DecisionsOptions {
  readonly clock: Clock;
  readonly metrics: InboundMetrics;
  readonly peerLog: LimitedLog;
}

/** What was decided for a route under one policy: kept, since most requests of a connection are alike. */
type Decision = {
  readonly route: RoutePolicy | undefined;
  /** Requests that were let in, or refused, so. */
  readonly count: Count;
} & (
  | {
      readonly plan: RoutePlan;
      readonly counts: InboundRouteCounts;
      /** What the log is told of each request, where policy only audits. */
      readonly audit: { readonly key: string; readonly fields: LogFields } | undefined;
      readonly failure?: undefined;
    }
  | { readonly failure: ProxyFailure }
);

type Refused = Extract<Decision, { readonly failure: ProxyFailure }>;
/** The request may go on. */
export type LetIn = Exclude<Decision, Refused>;

/** Who counts by the decisions, too. */
interface Owner {
  /** Nothing that was decided before counts any more. */
  forgetCounts(nowMs: number): void;
}

/** What becomes of the requests of one inbound connection by their routes and the client, as policy has it now. */
export class Decisions {
  private readonly options: DecisionsOptions;
  private readonly incoming: Incoming;
  private readonly sender: Sender;
  private readonly owner: Owner;
  private decidedFor: ServerPolicy | undefined = undefined;
  private readonly kept: Decision[] = [];
  private notFound: Count | undefined = undefined;
  /** What is asked of the token of the last request by each route that it may be read as. */
  tokens: TokenPolicy[] = [];
  /** Who is asked about the last request by each route that it may be read as; undefined when nobody is. */
  checks: readonly CheckPolicy[] | undefined = undefined;

  /** `sender` is where those go that are let in. */
  constructor(options: DecisionsOptions, incoming: Incoming, sender: Sender, owner: Owner) {
    this.options = options;
    this.incoming = incoming;
    this.sender = sender;
    this.owner = owner;
  }

  /** What becomes of a request by its route and client, counted; a failure when it is refused. */
  of(policy: ServerPolicy, head: RequestHead): LetIn | ProxyFailure {
    if (this.tokens.length > 0) this.tokens = [];
    this.checks = undefined;
    const decision = isReadInWays(policy, head) ? this.decideReadings(policy, head) : this.decide(policy, head);
    if (decision === undefined) return asksForTunnel(head) ? failures.tunnel : failures.noRoute;
    if (decision === 'ambiguous') return failures.ambiguousPath;
    decision.count.value++;
    if (decision.failure !== undefined) return decision.failure;
    return decision;
  }

  /** Nothing that was decided counts any more. */
  forget(): void {
    const nowMs = this.options.clock.nowMs();
    for (const decision of this.kept.splice(0)) {
      decision.count.release(nowMs);
      if (!decision.failure) decision.counts.release(nowMs);
    }
    this.notFound?.release(nowMs);
    this.notFound = undefined;
    this.owner.forgetCounts(nowMs);
  }

  /** Undefined when no route fits. */
  private decide(policy: ServerPolicy, head: RequestHead): Decision | undefined {
    if (policy !== this.decidedFor) {
      this.forget();
      this.decidedFor = policy;
    }
    const route = policy.routes?.find(head);
    const decision = this.decideFor(policy, route, head);
    if (decision === undefined || decision.failure !== undefined) return decision;
    // Some applications know no case: what they take it for must be let in as well.
    const folded = foldedRoute(policy, head, route);
    if (folded === route) return decision;
    const other = this.decideFor(policy, folded, head);
    return other === undefined || other.failure !== undefined ? other : decision;
  }

  private decideFor(policy: ServerPolicy, route: RoutePolicy | undefined, head: RequestHead): Decision | undefined {
    if (route === undefined && (policy.routes !== undefined || asksForTunnel(head))) {
      const { labels, shownPort } = this.incoming;
      this.notFound ??= this.options.metrics.noRoute(labels, policy, shownPort);
      this.notFound.value++;
      return undefined;
    }
    const tokens = route?.tokens;
    if (tokens !== undefined && !this.tokens.includes(tokens)) this.tokens.push(tokens);
    if (route?.checks !== undefined) this.checks = withChecks(this.checks, route.checks);
    for (let i = 0; i < this.kept.length; i++) if (this.kept[i].route === route) return this.kept[i];
    const decision = this.decideRoute(policy, route);
    this.kept.push(decision);
    return decision;
  }

  /** Of a path or method that may be read in several ways, each must be let in. Counted is the simplest one. */
  private decideReadings(policy: ServerPolicy, head: RequestHead): Decision | 'ambiguous' | undefined {
    const readings = headReadings(policy, head);
    if (readings === undefined) return 'ambiguous';
    let decision: Decision | undefined;
    for (const read of readings) {
      decision = this.decide(policy, read);
      if (decision === undefined || decision.failure !== undefined) return decision;
    }
    return decision;
  }

  private decideRoute(policy: ServerPolicy, route: RoutePolicy | undefined): Decision {
    const { metrics, peerLog } = this.options;
    const { labels, shownPort, client } = this.incoming;
    const authz = authorize((route ?? policy).authorizations, client);
    if (authz === undefined) {
      // Once for each route of a connection: a client that is refused often asks often.
      const key = decisionKey('request denied', this.incoming);
      peerLog.info(key, 'request denied', decisionFields(this.incoming, policy, route, undefined));
      return { route, count: metrics.denied(labels, policy, shownPort, route), failure: failures.unauthorized };
    }
    const counts = metrics.requests(labels, policy, shownPort, route, authz);
    return {
      route,
      counts,
      plan: Object.freeze({
        sender: new CountedSender(this.sender, counts.responses),
        decided: { route: route?.labels, parent: policy.labels, authorization: authz.labels, override: undefined },
        counts,
        elsewhere: undefined,
        tries: undefined,
        filters: route?.filters,
        open: undefined,
        traceSampleRate: route?.traceSampleRate,
        classify,
      }),
      count: metrics.allowed(labels, policy, shownPort, route, authz),
      audit: authz.audit
        ? {
            key: decisionKey('request allowed', this.incoming),
            fields: decisionFields(this.incoming, policy, route, authz),
          }
        : undefined,
    };
  }
}

/** Each is asked once, whichever of the routes that a request may be read as name it. */
const withChecks = (some: readonly CheckPolicy[] | undefined, more: readonly CheckPolicy[]): readonly CheckPolicy[] =>
  some === undefined || some === more ? more : [...new Set([...some, ...more])];
