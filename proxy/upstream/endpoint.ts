import type { HttpVersion } from '../exchange/exchange.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { Connection } from '../wire/transport.ts';
import { ConnectionPool, type Dialled, type PoolFailure } from './connection-pool.ts';

/** Opens connections to endpoints: TCP, TLS where the endpoint has an identity, transport header where it asks for one. */
export interface Dialer {
  dialHttp(endpoint: Endpoint, version: HttpVersion, dialled: Dialled): void;
  dialTcp(
    endpoint: Endpoint,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure) => void,
  ): void;
}

export interface EndpointLimits {
  maxHttp1Connections: number;
  maxHttp2Connections: number;
  maxWaiters: number;
}

/** An endpoint with its connections and its load. */
export class Endpoint {
  readonly info: EndpointInfo;
  private readonly dialer: Dialer;
  private readonly limits: EndpointLimits;
  private http1: ConnectionPool | undefined = undefined;
  private http2: ConnectionPool | undefined = undefined;

  constructor(info: EndpointInfo, dialer: Dialer, limits: EndpointLimits) {
    this.info = info;
    this.dialer = dialer;
    this.limits = limits;
  }

  pool(version: HttpVersion): ConnectionPool {
    if (version === 'http1') {
      this.http1 ??= new ConnectionPool({
        dial: (dialled) => this.dialer.dialHttp(this, 'http1', dialled),
        maxConnections: this.limits.maxHttp1Connections,
        maxWaiters: this.limits.maxWaiters,
        requestsPerConnection: 1,
      });
      return this.http1;
    }
    this.http2 ??= new ConnectionPool({
      dial: (dialled) => this.dialer.dialHttp(this, 'http2', dialled),
      maxConnections: this.limits.maxHttp2Connections,
      maxWaiters: this.limits.maxWaiters,
      requestsPerConnection: 100,
    });
    return this.http2;
  }

  /** Closes HTTP/1 connections that were not used since the last call, and what HTTP/2 peers have stalled for too long. */
  sweep(nowMs: number): void {
    this.http1?.sweep();
    this.http2?.sweep();
    this.http2?.checkDeadlines(nowMs);
  }

  drain(): void {
    this.http1?.drain();
    this.http2?.drain();
  }
}
