import { type ServeHttpOptions, serveHttp } from '../accept/serve-http.ts';
import type { Clock } from '../clock.ts';
import { refuse } from '../exchange/answer.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import { tellRefused } from '../exchange/observers.ts';
import { type Origin, originOf } from '../exchange/origin.ts';
import { fail } from '../exchange/own-answer.ts';
import type { RoutePlan } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { TraceOverrides } from '../exchange/trace-overrides.ts';
import type { CheckPolicy } from '../ext-authz/check-policy.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { ServerPolicy } from '../policy/inbound/server-policy.ts';
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
import { Decisions, type LetIn } from './decisions.ts';
import { EndUserGate, type EndUserOptions } from './end-users.ts';
import type { Incoming } from './incoming.ts';
import { failureOf, RateLimiting, retryAfterS } from './rate-limiting.ts';
import { WithoutNames } from './without-names.ts';

export interface InboundHttpOptions extends ServeHttpOptions, EndUserOptions, CheckGateOptions {
  clock: Clock;
  side: ExchangeSide;
  applications: Applications;
  /** What the traces of requests to the workload ask for. */
  traces: TraceOverrides;
  maxInFlight: number;
}

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
  private readonly origin: Origin;
  private readonly decisions: Decisions;
  private readonly rateLimiting: RateLimiting;
  private readonly users: EndUserGate;
  /** Made for the first request that somebody is asked about. */
  private gate: CheckGate | undefined = undefined;

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
    const sender = new ClientSender(this.application, client.identity);
    this.decisions = new Decisions(options, incoming, sender, this);
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
        this.decisions.forget();
        this.policy.release();
      },
    });
  }

  private onRequest(stream: ServerStream, head: RequestHead, end: boolean): StreamHandler {
    const policy = this.policy.current;
    if (policy.tokensFirst !== undefined) return this.onRequestByClaims(policy, policy.tokensFirst, stream, head, end);
    const decision = this.decisions.of(policy, head);
    if ('code' in decision) return this.refuse(stream, head, end, decision);
    const { tokens, checks } = this.decisions;
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
      const decision = this.decisions.of(this.policy.current, exchange.outgoing);
      const { tokens: asked, checks } = this.decisions;
      if ('code' in decision) fail(exchange, decision);
      else {
        exchange.filters = decision.plan.filters;
        this.users.admit(exchange, asked, () => this.beginLimited(exchange, decision, checks));
      }
    });
  }

  /** Answers or refuses a preflight by the route that it has without claims; false when it is none. */
  private answerPreflight(policy: ServerPolicy, tokens: TokenPolicy, exchange: Exchange): boolean {
    const head = outgoingHead(tokens, exchange.outgoing, undefined);
    if (!policy.routes?.find(head)?.filters?.answers(head)) return false;
    const decision = this.decisions.of(policy, head);
    if ('code' in decision) {
      fail(exchange, decision);
      return true;
    }
    if (!this.isPreflight(decision, head)) return false;
    exchange.outgoing = head;
    this.beginLimited(exchange, decision, this.decisions.checks);
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

  /** @internal of what policy limits and asks, nothing that was decided is counted any more */
  forgetCounts(nowMs: number): void {
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
