import type { Clock } from '../clock.ts';
import { dropRest } from '../exchange/drop-rest.ts';
import { Exchange, type HttpVersion } from '../exchange/exchange.ts';
import { failures, isGrpc, type ProxyFailure, respondFailure } from '../exchange/proxy-failure.ts';
import { authorize, type Client, matchRoute } from '../policy/authorize.ts';
import type { PortPolicy } from '../policy/policy-store.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../policy/server-policy.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Count } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { forward } from '../upstream/forward.ts';
import { Field } from '../wire/field.ts';
import type { RequestHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { InboundMetrics } from './inbound-metrics.ts';

export interface InboundHttpOptions {
  clock: Clock;
  metrics: InboundMetrics;
  policy: PortPolicy;
  port: number;
  client: Client;
  /** What metrics say of the connection: target and TLS. */
  labels: Labels;
  endpoint: Endpoint;
  version: HttpVersion;
  maxInFlight: number;
}

/** What was decided for a route under one policy: kept, since most requests of a connection are alike. */
interface Decision {
  readonly route: RoutePolicy | undefined;
  readonly metrics: RequestMetrics;
  readonly allowed: Count;
}

/** The HTTP requests of one inbound connection: route → authorize → forward to the application. */
export class InboundHttp {
  private readonly options: InboundHttpOptions;
  private readonly clientId: Field | undefined;
  private decidedFor: ServerPolicy | undefined = undefined;
  private readonly decisions: Decision[] = [];

  constructor(options: InboundHttpOptions) {
    this.options = options;
    const { identity } = options.client;
    this.clientId = identity === undefined ? undefined : new Field('l5d-client-id', identity);
    if (this.clientId !== undefined) this.clientId.interned = true;
  }

  /** The connection is gone: its metrics handles are given back. */
  close(): void {
    const nowMs = this.options.clock.nowMs();
    for (const { metrics } of this.decisions.splice(0)) metrics.release(nowMs);
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): StreamHandler {
    const { clock, metrics, policy, endpoint, maxInFlight, client } = this.options;
    const decision = this.decide(policy.current, head);
    if ('status' in decision) return this.refuse(stream, head, decision);
    const origVersion = takeMeshFields(head.fields);
    if (this.clientId !== undefined) head.fields.push(this.clientId);
    decision.allowed.value++;
    decision.metrics.request();
    metrics.inFlight++;
    const informational = client.identity !== undefined;
    const exchange = new Exchange(stream, head, end, metrics, clock.nowMs(), this.options.version, informational);
    exchange.context = decision.metrics;
    if (metrics.inFlight > maxInFlight) exchange.fail(failures.loadShed);
    else forward(exchange, endpoint.pool(origVersion ?? this.options.version));
    return exchange.requestSide;
  }

  private decide(policy: ServerPolicy, head: RequestHead): Decision | ProxyFailure {
    if (policy !== this.decidedFor) {
      this.close();
      this.decidedFor = policy;
    }
    const { metrics, labels, port } = this.options;
    const route = policy.routes.length === 0 ? undefined : matchRoute(policy, head.method, head.path);
    if (route === undefined && policy.routes.length > 0) {
      metrics.noRoute(labels, policy, port);
      return failures.noRoute;
    }
    for (let i = 0; i < this.decisions.length; i++) if (this.decisions[i].route === route) return this.decisions[i];
    const authz = this.authorization(policy, route);
    if (authz === undefined) {
      metrics.denied(labels, policy, port, route);
      return failures.unauthorized;
    }
    const decision: Decision = {
      route,
      metrics: metrics.requests(labels, policy, port, route, authz),
      allowed: metrics.allowed(labels, policy, port, route, authz),
    };
    this.decisions.push(decision);
    return decision;
  }

  private authorization(policy: ServerPolicy, route: RoutePolicy | undefined): Authorization | undefined {
    const { client } = this.options;
    return authorize(policy.authorizations, client) ?? (route && authorize(route.authorizations, client));
  }

  private refuse(stream: ServerStream, head: RequestHead, failure: ProxyFailure): StreamHandler {
    this.options.metrics.httpError(failure.kind);
    respondFailure(stream, isGrpc(head), failure, this.options.client.identity !== undefined);
    return dropRest(stream);
  }
}

/**
 * Takes the fields that proxies speak to each other out of a request: the application must not mistake a client's
 * `l5d-client-id` for a verified one. Returns the version that the request had before it was carried over HTTP/2.
 */
function takeMeshFields(fields: Field[]): HttpVersion | undefined {
  let version: HttpVersion | undefined;
  let kept = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    const { name } = field;
    if (name.charCodeAt(0) === 0x6c && name.startsWith('l5d-')) {
      if (name === 'l5d-orig-proto' && field.value.startsWith('HTTP/1.')) version = 'http1';
      continue;
    }
    fields[kept++] = field;
  }
  fields.length = kept;
  return version;
}
