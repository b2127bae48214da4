import { type ServeHttpOptions, serveHttp } from '../accept/serve-http.ts';
import { CountedSender } from '../backend/counted.ts';
import type { Clock } from '../clock.ts';
import { refuse } from '../exchange/answer.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import { tellRefused } from '../exchange/observers.ts';
import { type Origin, originOf } from '../exchange/origin.ts';
import { fail } from '../exchange/own-answer.ts';
import type { RoutePlan, Sender } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { TraceOverrides } from '../exchange/trace-overrides.ts';
import type { CheckPolicy } from '../ext-authz/check-policy.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import { foldedRoute, headReadings, isReadInWays } from '../policy/inbound/readings.ts';
import type { RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import { asksForTunnel } from '../route/route-table.ts';
import { classify } from '../telemetry/classify.ts';
import type { LogFields } from '../telemetry/log.ts';
import type { Count } from '../telemetry/registry.ts';
import { outgoingHead } from '../tokens/outgoing.ts';
import type { TokenPolicy } from '../tokens/token-policy.ts';
import { errnoOf } from '../upstream/dialer.ts';
import { FieldMark, fieldValue } from '../wire/field.ts';
import { withoutNames } from '../wire/field-names.ts';
import { withFields } from '../wire/heads.ts';
import type { HttpVersion, RequestHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import type { Application, Applications } from './application.ts';
import { CheckGate, type CheckGateOptions } from './check-gate.ts';
import { ClientSender, carriedHttp1 } from './client-sender.ts';
import { EndUserGate, type EndUserOptions } from './end-users.ts';
import type { Incoming } from './incoming.ts';
import { decisionFields, decisionKey } from './policy-log.ts';
import { failureOf, RateLimiting, retryAfterS } from './rate-limiting.ts';
import type { InboundRouteCounts } from './route-counts.ts';
import { WithoutNames } from './without-names.ts';

export interface InboundHttpOptions extends ServeHttpOptions, EndUserOptions, CheckGateOptions {
  clock: Clock;
  side: ExchangeSide;
  applications: Applications;
  /** What the traces of requests to the workload ask for. */
  traces: TraceOverrides;
  maxInFlight: number;
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
type LetIn = Exclude<Decision, Refused>;

/**
 * The HTTP requests of one inbound connection: route → authorize → token of the end user → rate limit → check by an
 * authorizer → filters → application.
 */
export class InboundHttp {
  private readonly options: InboundHttpOptions;
  private readonly connection: Connection;
  private readonly incoming: Incoming;
  private readonly policy: KnownPortPolicy;
  private readonly version: HttpVersion;
  private readonly application: Application;
  private readonly sender: Sender;
  private readonly origin: Origin;
  private decidedFor: ServerPolicy | undefined = undefined;
  private readonly decisions: Decision[] = [];
  private notFound: Count | undefined = undefined;
  private readonly rateLimiting: RateLimiting;
  private readonly users: EndUserGate;
  /** What is asked of the token of a request by each route that it may be read as. */
  private tokens: TokenPolicy[] = [];
  /** Made for the first request that somebody is asked about. */
  private gate: CheckGate | undefined = undefined;
  /** Who is asked about a request by each route that it may be read as; undefined when nobody is. */
  private checks: readonly CheckPolicy[] | undefined = undefined;

  constructor(
    options: InboundHttpOptions,
    connection: Connection,
    incoming: Incoming,
    policy: KnownPortPolicy,
    version: HttpVersion,
  ) {
    this.options = options;
    this.connection = connection;
    this.incoming = incoming;
    this.policy = policy;
    this.version = version;
    const { address, port, client } = incoming;
    // Why a request failed is told to meshed clients only.
    this.origin = originOf('inbound', connection, version, client.identity !== undefined, incoming);
    this.application = options.applications.at(address, port);
    this.sender = new ClientSender(this.application, client.identity);
    this.rateLimiting = new RateLimiting(incoming, policy, options);
    this.users = new EndUserGate(options, incoming, policy);
  }

  /** Serves the connection, of which `bytes` have been read. */
  serve(bytes: Uint8Array): void {
    const { metrics } = this.options;
    const { labels, shownPort } = this.incoming;
    const accepted = metrics.accepted(labels, this.policy.current, shownPort);
    accepted.connectionOpened(this.connection);
    this.application.users++;
    serveHttp(this.connection, this.version, bytes, this.options, {
      onRequest: (stream, head, end) => {
        const { ownHeaders } = this.policy.current;
        const rest = this.onRequest(stream, head, end);
        return ownHeaders === undefined ? rest : new WithoutNames(rest, ownHeaders);
      },
      onRefused: () => metrics.httpError('bad request'),
      onClosed: (error) => {
        accepted.connectionClosed(this.connection, errnoOf(error));
        this.application.users--;
        this.forgetDecisions();
        this.policy.release();
      },
    });
  }

  private onRequest(stream: ServerStream, head: RequestHead, end: boolean): StreamHandler {
    const policy = this.policy.current;
    if (policy.tokensFirst !== undefined) return this.onRequestByClaims(policy, policy.tokensFirst, stream, head, end);
    const decision = this.decideRequest(policy, head);
    if ('code' in decision) return this.refuse(stream, head, end, decision);
    const { tokens, checks } = this;
    if (tokens.length > 0 && !this.isPreflight(decision, head)) {
      const exchange = this.exchangeOf(stream, head, end);
      exchange.filters = decision.plan.filters;
      return this.users.admit(exchange, tokens, () => this.beginLimited(exchange, decision, checks));
    }
    if (policy.rateLimit !== undefined) {
      const excess = this.rateLimiting.take(policy.rateLimit);
      if (excess !== undefined) {
        const { filters } = decision.plan;
        const detail = `${excess.limit.written}rps`;
        return this.refuse(stream, head, end, failureOf(excess), detail, retryAfterS(excess), filters);
      }
    }
    const exchange = this.exchangeOf(stream, head, end);
    this.begin(exchange, decision, checks);
    return exchange;
  }

  /** Where routes are found by what `tokens` tell of end users, that is to be known first. */
  private onRequestByClaims(
    policy: ServerPolicy,
    tokens: TokenPolicy,
    stream: ServerStream,
    head: RequestHead,
    end: boolean,
  ): StreamHandler {
    const exchange = this.exchangeOf(stream, head, end);
    if (head.method === 'OPTIONS' && this.answerPreflight(policy, tokens, exchange)) return exchange;
    // A script is told why it is refused as it would be where it had said nothing of its user.
    if (fieldValue(head.fields, 'origin') !== undefined)
      exchange.filters = policy.routes?.find(outgoingHead(tokens, exchange.outgoing, undefined))?.filters;
    return this.users.admit(exchange, [tokens], () => {
      const decision = this.decideRequest(this.policy.current, exchange.outgoing);
      const { checks } = this;
      if ('code' in decision) fail(exchange, decision);
      else {
        exchange.filters = decision.plan.filters;
        this.users.admit(exchange, this.tokens, () => this.beginLimited(exchange, decision, checks));
      }
    });
  }

  /** Answers or refuses a preflight by the route that it has without claims; false when it is none. */
  private answerPreflight(policy: ServerPolicy, tokens: TokenPolicy, exchange: Exchange): boolean {
    const head = outgoingHead(tokens, exchange.outgoing, undefined);
    if (!policy.routes?.find(head)?.filters?.answers(head)) return false;
    const decision = this.decideRequest(policy, head);
    if ('code' in decision) {
      fail(exchange, decision);
      return true;
    }
    if (!this.isPreflight(decision, head)) return false;
    exchange.outgoing = head;
    this.beginLimited(exchange, decision, this.checks);
    return true;
  }

  /** Begins a request of an end user who is let in, unless there are too many of them. */
  private beginLimited(exchange: Exchange, decision: LetIn, checks: readonly CheckPolicy[] | undefined): void {
    if (exchange.finished) return;
    const { rateLimit } = this.policy.current;
    const excess = rateLimit === undefined ? undefined : this.rateLimiting.take(rateLimit);
    if (excess !== undefined) {
      fail(exchange, failureOf(excess), `${excess.limit.written}rps`, retryAfterS(excess));
      return;
    }
    this.begin(exchange, decision, checks);
  }

  /** Begins a request that the mesh itself lets in, once those who are asked have said so. */
  private begin(exchange: Exchange, { audit, plan }: LetIn, checks: readonly CheckPolicy[] | undefined): void {
    if (audit !== undefined) this.options.peerLog.info(audit.key, 'request allowed', audit.fields);
    // What an authorizer writes there of its own stays.
    if (!this.isMeshed) this.takeOverrides(exchange);
    const { ownHeaders } = this.policy.current;
    if (ownHeaders !== undefined) exchange.outgoing = withoutOwn(exchange.outgoing, ownHeaders);
    if (checks === undefined || plan.filters?.answers(exchange.outgoing)) this.letIn(exchange, plan);
    else {
      exchange.filters = plan.filters;
      this.gate ??= new CheckGate(this.options, this.connection, this.incoming, this.policy);
      this.gate.admit(exchange, checks, plan, (checked) => this.letIn(exchange, checked));
    }
  }

  private letIn(exchange: Exchange, plan: RoutePlan): void {
    if (this.isMeshed) this.takeOverrides(exchange);
    exchange.begin(plan);
  }

  private get isMeshed(): boolean {
    return this.incoming.client.identity !== undefined;
  }

  private takeOverrides(exchange: Exchange): void {
    if ((exchange.outgoing.marks & FieldMark.baggage) !== 0) this.options.traces.take(exchange, this.isMeshed);
  }

  /**
   * A browser asks whether it may send a token, and what authorizers look at, before it does (CORS). What is answered here
   * goes on to nobody; `head` goes by what is left of it when it comes to be answered.
   */
  private isPreflight({ plan: { filters } }: LetIn, head: RequestHead): boolean {
    if (!filters?.answers(head)) return false;
    const { ownHeaders } = this.policy.current;
    return ownHeaders === undefined || filters.answers(withoutOwn(head, ownHeaders));
  }

  /** What becomes of a request by its route and client, counted; a failure when it is refused. */
  private decideRequest(policy: ServerPolicy, head: RequestHead): LetIn | ProxyFailure {
    if (this.tokens.length > 0) this.tokens = [];
    this.checks = undefined;
    const decision = isReadInWays(policy, head) ? this.decideReadings(policy, head) : this.decide(policy, head);
    if (decision === undefined) return asksForTunnel(head) ? failures.tunnel : failures.noRoute;
    if (decision === 'ambiguous') return failures.ambiguousPath;
    decision.count.value++;
    if (decision.failure !== undefined) return decision.failure;
    return decision;
  }

  /** A request that is let in, unless there are too many: then it has failed. */
  private exchangeOf(stream: ServerStream, head: RequestHead, end: boolean): Exchange {
    const { metrics, side, maxInFlight } = this.options;
    metrics.inFlight++;
    const { budget } = this.connection;
    // What a proxy carried is believed of proxies alone.
    const carried = this.origin.tellsWhy ? carriedHttp1(head) : undefined;
    const spoken = carried === undefined ? this.version : 'http1';
    const exchange = new Exchange(side, stream, head, end, this.origin, spoken);
    if (carried === 'absolute-form') exchange.outgoing = { ...exchange.outgoing, absoluteForm: true };
    const mayGoOn = metrics.inFlight <= maxInFlight && (budget === undefined || budget.mayRequest());
    if (budget !== undefined) {
      budget.requests++;
      exchange.budget = budget;
    }
    if (!mayGoOn) fail(exchange, failures.loadShed);
    return exchange;
  }

  /** Undefined when no route fits. */
  private decide(policy: ServerPolicy, head: RequestHead): Decision | undefined {
    if (policy !== this.decidedFor) {
      this.forgetDecisions();
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
    for (let i = 0; i < this.decisions.length; i++) if (this.decisions[i].route === route) return this.decisions[i];
    const decision = this.decideRoute(policy, route);
    this.decisions.push(decision);
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

  private forgetDecisions(): void {
    const nowMs = this.options.clock.nowMs();
    for (const decision of this.decisions.splice(0)) {
      decision.count.release(nowMs);
      if (!decision.failure) decision.counts.release(nowMs);
    }
    this.notFound?.release(nowMs);
    this.notFound = undefined;
    this.rateLimiting.forgetCounts(nowMs);
    this.gate?.forgetCounts(nowMs);
  }

  private refuse(
    stream: ServerStream,
    head: RequestHead,
    end: boolean,
    failure: ProxyFailure,
    detail: string | undefined = undefined,
    retryAfterS = 0,
    filters: RoutePlan['filters'] = undefined,
  ): StreamHandler {
    const { metrics, side } = this.options;
    metrics.httpError(failure.kind);
    const { labels } = this.policy.current;
    const decided = { route: undefined, parent: labels, authorization: undefined, override: undefined };
    tellRefused(side.observers, this.origin, head, failure, decided);
    return refuse(stream, head, end, failure, this.origin.tellsWhy, detail, retryAfterS, filters);
  }
}

/** What is written for the application by the mesh and those whom it asks is written by no client. */
function withoutOwn(head: RequestHead, names: ReadonlySet<string>): RequestHead {
  const fields = withoutNames(names, head.fields);
  return fields === head.fields ? head : withFields(head, fields);
}

/** Each is asked once, whichever of the routes that a request may be read as name it. */
const withChecks = (some: readonly CheckPolicy[] | undefined, more: readonly CheckPolicy[]): readonly CheckPolicy[] =>
  some === undefined || some === more ? more : [...new Set([...some, ...more])];
