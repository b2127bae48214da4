import { type ServeHttpOptions, serveHttp } from '../accept/serve-http.ts';
import { StreamConnection } from '../accept/stream-connection.ts';
import { hopsOf, mostHops } from '../backend/hops.ts';
import type { Clock } from '../clock.ts';
import { refuse } from '../exchange/answer.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import { tellRefused } from '../exchange/observers.ts';
import { type Origin, originOf } from '../exchange/origin.ts';
import { fail } from '../exchange/own-answer.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import { FieldMark, fieldValue } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import type { HttpVersion, RequestHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import type { OutboundMetrics } from './metrics.ts';
import type { Target } from './target.ts';
import type { Targets } from './targets.ts';

export interface OutboundHttpOptions extends ServeHttpOptions {
  clock: Clock;
  side: ExchangeSide;
  targets: Targets;
  metrics: OutboundMetrics;
  maxInFlight: number;
  /** Whether requests that this proxy fails say why in `l5d-proxy-error`. */
  informationalHeaders: boolean;
  /** Requests say themselves where they go, wherever the application connected to: it is an ingress. */
  ingress: boolean;
  /** Takes what is spoken inside a tunnel, like a connection of its own. */
  carry: (connection: Connection, target: Target, closed: (error: Error | undefined) => void) => void;
}

/**
 * The HTTP requests of one connection of the workload: target → plan → endpoint. `fixed` is where the connection went;
 * without one each request says where it goes.
 */
export class OutboundHttp {
  private readonly options: OutboundHttpOptions;
  private readonly connection: Connection;
  private readonly version: HttpVersion;
  private readonly fixed: Target | undefined;
  private readonly origin: Origin;

  constructor(options: OutboundHttpOptions, connection: Connection, version: HttpVersion, fixed: Target | undefined) {
    this.options = options;
    this.connection = connection;
    this.version = version;
    this.fixed = fixed;
    this.origin = originOf('outbound', connection, version, options.informationalHeaders);
  }

  /** Serves the connection, of which `bytes` have been read. */
  serve(bytes: Uint8Array, closed: (error: Error | undefined) => void): void {
    serveHttp(this.connection, this.version, bytes, this.options, {
      onRequest: (stream, head, end) => this.onRequest(stream, head, end),
      onRefused: () => this.options.metrics.httpError('bad request'),
      onClosed: closed,
    });
  }

  private onRequest(stream: ServerStream, head: RequestHead, end: boolean): StreamHandler {
    const { metrics, side } = this.options;
    const isExplicit = this.fixed === undefined;
    // In plaintext, what is in it would be read by all who were to be kept from it.
    if (isExplicit && head.scheme === 'https') return this.refuse(stream, head, end, failures.httpsTarget);
    const target = this.targetOf(head);
    if (target === undefined) return this.refuse(stream, head, end, failures.notFound);
    if (isExplicit && hopsOf(head) >= mostHops) return this.refuse(stream, head, end, failures.loop);
    if (isExplicit && head.method === 'CONNECT' && head.upgrade === undefined) {
      return this.acceptConnect(target, stream);
    }
    metrics.inFlight++;
    const exchange = new Exchange(side, stream, head, end, this.origin, this.version);
    // What names the target to this proxy names it to no other.
    if (isExplicit && head.absoluteForm) exchange.outgoing = { ...exchange.outgoing, absoluteForm: false };
    if (metrics.inFlight > this.options.maxInFlight) fail(exchange, failures.loadShed);
    else target.send(exchange);
    return exchange;
  }

  private targetOf(head: RequestHead): Target | undefined {
    const { targets, ingress } = this.options;
    if (this.fixed === undefined) return targets.forAuthority(head.authority);
    if (!ingress) return this.fixed;
    const override = (head.marks & FieldMark.mesh) === 0 ? undefined : fieldValue(head.fields, 'l5d-dst-override');
    if (override !== undefined) return targets.forAuthority(override);
    const named = head.authority === '' ? undefined : targets.forAuthority(head.authority);
    // A host of the world outside, which clients of an ingress call it by, says nothing of a service.
    return named !== undefined && named.name.kind === 'service' ? named : this.fixed;
  }

  /** CONNECT: what is spoken inside is detected like on a connection of its own. */
  private acceptConnect(target: Target, stream: ServerStream): StreamHandler {
    stream.sendResponse(responseHead(200, -1), false);
    const inside = new StreamConnection(stream, this.connection);
    target.retain();
    this.options.carry(inside, target, () => target.release());
    return inside;
  }

  private refuse(stream: ServerStream, head: RequestHead, end: boolean, failure: ProxyFailure): StreamHandler {
    const { metrics, side } = this.options;
    metrics.httpError(failure.kind);
    tellRefused(side.observers, this.origin, head, failure, undefined);
    return refuse(stream, head, end, failure, this.origin.tellsWhy);
  }
}
