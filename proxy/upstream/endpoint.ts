import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { HttpVersion } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { ConnectionPool, type Dialled, type PoolOwner } from './connection-pool.ts';
import type { PoolFailure } from './waiter.ts';

/**
 * Opens connections to endpoints: TCP, TLS where the endpoint has an identity, transport header where it asks for one.
 * What becomes of a dial is told after the call has returned: who is told may dial the next one.
 */
export interface Dialer {
  dialHttp(endpoint: Endpoint, version: HttpVersion, dialled: Dialled): void;
  dialTcp(
    endpoint: Endpoint,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure, detail: string) => void,
  ): void;
}

export interface EndpointOptions {
  dialer: Dialer;
  deadlines: TimerWheel;
  owner: PoolOwner;
  maxHttp1Connections: number;
  maxHttp2Connections: number;
  /** Most requests that wait for a connection, for each protocol. */
  maxWaiters: number;
  /** How long each may, in ms. */
  maxWaitMs: number;
}

/** HTTP/2 connections that nothing used for so many sweeps are closed: they are few, and a new one costs a handshake. */
const http2IdleSweeps = 10;

/** An endpoint with its connections. */
export class Endpoint {
  /** As discovery tells it now. */
  info: EndpointInfo;
  /** It is spoken to in plaintext on this host, where it may be the outbound listener of another sidecar. */
  mayBeSidecar = false;
  private readonly options: EndpointOptions;
  private http1: ConnectionPool | undefined = undefined;
  private http2: ConnectionPool | undefined = undefined;
  private sweeps = 0;

  constructor(info: EndpointInfo, options: EndpointOptions) {
    this.info = info;
    this.options = options;
  }

  /** Connections open now, of all protocols. */
  get connections(): number {
    return (this.http1?.size ?? 0) + (this.http2?.size ?? 0);
  }

  /** Of them, those that may take a request now or later. */
  get lasting(): number {
    return (this.http1?.lasting ?? 0) + (this.http2?.lasting ?? 0);
  }

  /** Connections being opened. */
  get dialling(): number {
    return (this.http1?.dialling ?? 0) + (this.http2?.dialling ?? 0);
  }

  /** A dial waits for something that has a deadline of its own. */
  get isUnderWay(): boolean {
    return (this.http1?.isUnderWay ?? false) || (this.http2?.isUnderWay ?? false);
  }

  /** Requests that wait for a connection. */
  get waiters(): number {
    return (this.http1?.waiters ?? 0) + (this.http2?.waiters ?? 0);
  }

  pool(version: HttpVersion): ConnectionPool {
    if (version === 'http1') {
      this.http1 ??= this.makePool('http1', this.options.maxHttp1Connections, 1);
      return this.http1;
    }
    this.http2 ??= this.makePool('http2', this.options.maxHttp2Connections, 100);
    return this.http2;
  }

  /** Opaque connections are each one's own. */
  connectTcp(
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure, detail: string) => void,
  ): void {
    this.options.dialer.dialTcp(this, onConnected, onFailed);
  }

  /** Closes connections that were not used for a while, and what HTTP/2 peers have stalled for too long. */
  sweep(nowMs: number): void {
    this.http1?.sweep();
    this.http2?.checkDeadlines(nowMs);
    if (++this.sweeps % http2IdleSweeps === 0) this.http2?.sweep();
  }

  /** Lets requests that wait for a connection go elsewhere. */
  turnAway(detail: string): void {
    this.http1?.turnAway(detail);
    this.http2?.turnAway(detail);
  }

  drain(): void {
    this.http1?.drain();
    this.http2?.drain();
  }

  private makePool(version: HttpVersion, maxConnections: number, requestsPerConnection: number): ConnectionPool {
    const { dialer, deadlines, owner, maxWaiters, maxWaitMs } = this.options;
    return new ConnectionPool({
      dial: (dialled) => dialer.dialHttp(this, version, dialled),
      ...{ deadlines, owner, maxConnections, maxWaiters, maxWaitMs, requestsPerConnection },
    });
  }
}
