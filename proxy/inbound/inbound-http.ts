import type { Clock } from '../clock.ts';
import { dropRest } from '../exchange/drop-rest.ts';
import { Exchange, type HttpVersion } from '../exchange/exchange.ts';
import { failures, isGrpc, type ProxyFailure, respondFailure } from '../exchange/proxy-failure.ts';
import type { ClientInfo } from '../model/client-info.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Log, LogFields } from '../telemetry/log.ts';
import type { Count } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { forward } from '../upstream/forward.ts';
import { Field, FieldMark, fieldValue } from '../wire/field.ts';
import { withoutMeshFields } from '../wire/heads.ts';
import type { RequestHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { InboundMetrics } from './inbound-metrics.ts';
import { decisionFields } from './policy-log.ts';

export interface InboundHttpOptions {
  clock: Clock;
  metrics: InboundMetrics;
  log: Log;
  policy: KnownPortPolicy;
  port: number;
  client: ClientInfo;
  /** What metrics say of the connection: target and TLS. */
  labels: Labels;
  endpoint: Endpoint;
  version: HttpVersion;
  maxInFlight: number;
}

/** What was decided for a route under one policy: kept, since most requests of a connection are alike. */
type Decision = {
  readonly route: RoutePolicy | undefined;
  /** Requests that were let in, or refused, so. */
  readonly count: Count;
} & (
  | {
      readonly metrics: RequestMetrics;
      /** What the log is told of each request, where policy only audits. */
      readonly audit: LogFields | undefined;
      readonly failure?: undefined;
    }
  | { readonly failure: ProxyFailure }
);

/** The HTTP requests of one inbound connection: route → authorize → forward to the application. */
export class InboundHttp {
  private readonly options: InboundHttpOptions;
  private readonly clientId: readonly Field[] | undefined;
  private decidedFor: ServerPolicy | undefined = undefined;
  private readonly decisions: Decision[] = [];
  private notFound: Count | undefined = undefined;

  constructor(options: InboundHttpOptions) {
    this.options = options;
    const { identity } = options.client;
    if (identity === undefined) return;
    const clientId = new Field('l5d-client-id', identity);
    clientId.interned = true;
    this.clientId = [clientId];
  }

  /** The connection is gone: its metrics handles are given back. */
  close(): void {
    const nowMs = this.options.clock.nowMs();
    for (const decision of this.decisions.splice(0)) {
      decision.count.release(nowMs);
      if (!decision.failure) decision.metrics.release(nowMs);
    }
    this.notFound?.release(nowMs);
    this.notFound = undefined;
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): StreamHandler {
    const { clock, metrics, policy, endpoint, maxInFlight, client } = this.options;
    const decision = this.decide(policy.current, head);
    if (decision === undefined) return this.refuse(stream, head, failures.noRoute);
    decision.count.value++;
    if (decision.failure !== undefined) return this.refuse(stream, head, decision.failure);
    if (decision.audit !== undefined) this.options.log.info('request allowed', decision.audit);
    const origVersion = originalVersion(head);
    decision.metrics.request();
    metrics.inFlight++;
    const informational = client.identity !== undefined;
    const exchange = new Exchange(
      stream,
      withoutMeshFields(head),
      end,
      metrics,
      clock.nowMs(),
      this.options.version,
      informational,
    );
    exchange.extra = this.clientId;
    exchange.context = decision.metrics;
    if (metrics.inFlight > maxInFlight) exchange.fail(failures.loadShed);
    else forward(exchange, endpoint.pool(origVersion ?? this.options.version));
    return exchange.requestSide;
  }

  /** Undefined when no route fits. */
  private decide(policy: ServerPolicy, head: RequestHead): Decision | undefined {
    if (policy !== this.decidedFor) {
      this.close();
      this.decidedFor = policy;
    }
    const route = policy.routes?.find(head);
    if (route === undefined && policy.routes !== undefined) {
      const { metrics, labels, port } = this.options;
      this.notFound ??= metrics.noRoute(labels, policy, port);
      this.notFound.value++;
      return undefined;
    }
    for (let i = 0; i < this.decisions.length; i++) if (this.decisions[i].route === route) return this.decisions[i];
    const decision = this.decideRoute(policy, route);
    this.decisions.push(decision);
    return decision;
  }

  private decideRoute(policy: ServerPolicy, route: RoutePolicy | undefined): Decision {
    const { metrics, labels, port, client, log } = this.options;
    const authz = authorize((route ?? policy).authorizations, client);
    if (authz === undefined) {
      // Once for each route of a connection: a client that is refused often asks often.
      log.info('request denied', decisionFields(labels, policy, port, route, undefined));
      return { route, count: metrics.denied(labels, policy, port, route), failure: failures.unauthorized };
    }
    return {
      route,
      metrics: metrics.requests(labels, policy, port, route, authz),
      count: metrics.allowed(labels, policy, port, route, authz),
      audit: authz.audit ? decisionFields(labels, policy, port, route, authz) : undefined,
    };
  }

  private refuse(stream: ServerStream, head: RequestHead, failure: ProxyFailure): StreamHandler {
    this.options.metrics.httpError(failure.kind);
    respondFailure(stream, isGrpc(head), failure, this.options.client.identity !== undefined);
    return dropRest(stream);
  }
}

/** The version that a request had before the client's proxy carried it over HTTP/2; undefined when it was not carried. */
function originalVersion({ marks, fields }: RequestHead): HttpVersion | undefined {
  if ((marks & FieldMark.mesh) === 0) return undefined;
  return fieldValue(fields, 'l5d-orig-proto')?.startsWith('HTTP/1.') ? 'http1' : undefined;
}
