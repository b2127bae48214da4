import type { Candidate } from '../balance/p2c.ts';
import type { PeakEwma } from '../balance/peak-ewma.ts';
import type { BackOff } from '../control/back-off.ts';
import type { Exchange, Resender } from '../exchange/exchange.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { ConnectionPool, PoolFailure, Waiter } from '../upstream/connection-pool.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { Field } from '../wire/field.ts';
import type { ClientConnection } from '../wire/stream.ts';

/** Where a request goes back to that an endpoint could not be given. */
export interface Dispatcher {
  /** A connection to the endpoint was made. */
  onReady(endpoint: BalancedEndpoint): void;
  /** Connecting failed: nothing of the request was sent. */
  onConnectFailed(endpoint: BalancedEndpoint, exchange: Exchange, reason: PoolFailure): void;
}

/** Tells the peer's proxy that an HTTP/1 request is carried (linkerd proxy/http/src/orig_proto.rs). */
const origProto = new Field('l5d-orig-proto', 'HTTP/1.1');
origProto.interned = true;
const carriedHttp1: readonly Field[] = [origProto];

/** An endpoint among those of a service: its connections, its load and its metrics. */
export class BalancedEndpoint implements Candidate, Resender {
  readonly endpoint: Endpoint;
  readonly ewma: PeakEwma;
  readonly metrics: RequestMetrics;
  readonly backOff: BackOff;
  private readonly dispatcher: Dispatcher;
  /** False from a failed connect until the next try is due. */
  ready = true;
  removed = false;
  /** Relative share of traffic, as of now. */
  weight: number;

  constructor(endpoint: Endpoint, ewma: PeakEwma, metrics: RequestMetrics, backOff: BackOff, dispatcher: Dispatcher) {
    this.endpoint = endpoint;
    this.weight = endpoint.info.weight;
    this.ewma = ewma;
    this.metrics = metrics;
    this.backOff = backOff;
    this.dispatcher = dispatcher;
  }

  cost(nowMs: number): number {
    return this.ewma.cost(nowMs);
  }

  /** Sends a request here; it counts towards the endpoint's load until `finished`. */
  forward(exchange: Exchange): void {
    const pool = this.poolFor(exchange);
    exchange.context = this;
    exchange.resender = this;
    this.ewma.begin();
    const connection = pool.acquire();
    if (connection !== undefined && exchange.start(connection)) {
      this.started(exchange);
      return;
    }
    pool.wait(new Waiting(this, pool, exchange));
  }

  /** The peer refused a request: another connection may take it. */
  resend(exchange: Exchange): void {
    this.ewma.abandon();
    this.forward(exchange);
  }

  /** @internal */
  started(exchange: Exchange): void {
    if (exchange.resends === 0) this.metrics.request();
  }

  /** @internal a connection that a request waited for is there */
  connected(): void {
    this.dispatcher.onReady(this);
  }

  /** @internal */
  connectFailed(exchange: Exchange, reason: PoolFailure): void {
    exchange.context = undefined;
    this.ewma.abandon();
    this.dispatcher.onConnectFailed(this, exchange, reason);
  }

  private poolFor(exchange: Exchange): ConnectionPool {
    const { head } = exchange;
    if (exchange.version === 'http2') return this.endpoint.pool('http2');
    const carried = this.endpoint.info.http2 && head.upgrade === undefined && head.method !== 'CONNECT';
    exchange.extra = carried ? carriedHttp1 : undefined;
    return this.endpoint.pool(carried ? 'http2' : 'http1');
  }
}

class Waiting implements Waiter {
  private readonly owner: BalancedEndpoint;
  private readonly pool: ConnectionPool;
  private readonly exchange: Exchange;

  constructor(owner: BalancedEndpoint, pool: ConnectionPool, exchange: Exchange) {
    this.owner = owner;
    this.pool = pool;
    this.exchange = exchange;
  }

  onConnection(connection: ClientConnection): void {
    this.owner.connected();
    if (this.exchange.finished) return;
    if (this.exchange.start(connection)) this.owner.started(this.exchange);
    else this.pool.wait(this);
  }

  onPoolFailure(reason: PoolFailure): void {
    if (!this.exchange.finished) this.owner.connectFailed(this.exchange, reason);
  }
}
