import type { Exchange, Resender } from '../exchange/exchange.ts';
import type { ClientConnection } from '../wire/stream.ts';
import { forward } from './forward.ts';

/** Why a request got no connection. */
export type PoolFailure = 'connect' | 'connect timeout' | 'tls' | 'overflow' | 'closed';

/** A request that waits for a connection. */
export interface Waiter {
  onConnection(connection: ClientConnection): void;
  onPoolFailure(reason: PoolFailure): void;
}

/** Where a dial reports to, and then the connection that came of it. */
export interface Dialled {
  onConnected(connection: ClientConnection): void;
  onDialFailed(reason: PoolFailure): void;
  onAvailable(connection: ClientConnection): void;
  onClosed(connection: ClientConnection): void;
}

export interface PoolOptions {
  /** Opens one connection and reports to `dialled` once. */
  dial(dialled: Dialled): void;
  /** Most connections at a time, open or opening. */
  maxConnections: number;
  /** Most requests that wait for one. */
  maxWaiters: number;
  /** How many waiting requests one connection, once open, is expected to take: 1 for HTTP/1, many for HTTP/2. */
  requestsPerConnection: number;
}

/**
 * The connections to one endpoint for one protocol.
 *
 * Idle HTTP/1 connections are reused last-in-first-out, so that the pool shrinks to what is needed; an HTTP/2 pool
 * stays at one connection until its streams run out.
 */
export class ConnectionPool implements Dialled, Resender {
  private readonly options: PoolOptions;
  private readonly available: ClientConnection[] = [];
  /** Fewest connections that were available since the last sweep: that many at the bottom were not used. */
  private lowWater = 0;
  /** A connection that carries many requests was asked for since the last sweep. */
  private used = false;
  private readonly all = new Set<ClientConnection>();
  private waiters: Waiter[] = [];
  private opening = 0;
  private closed = false;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Connections open now. */
  get size(): number {
    return this.all.size;
  }

  get idle(): boolean {
    return this.waiters.length === 0 && this.opening === 0 && [...this.all].every((c) => c.activeStreams === 0);
  }

  /** A connection that takes a request now, or undefined: then `wait`. */
  acquire(): ClientConnection | undefined {
    while (this.available.length > 0) {
      const connection = this.available[this.available.length - 1];
      if (connection.available) {
        if (this.options.requestsPerConnection === 1) this.unlistLast();
        else this.used = true;
        return connection;
      }
      this.unlistLast();
    }
    return undefined;
  }

  /** The peer refused a request without having looked at it: another connection may take it. */
  resend(exchange: Exchange): void {
    forward(exchange, this);
  }

  wait(waiter: Waiter): void {
    if (this.closed) {
      waiter.onPoolFailure('closed');
      return;
    }
    if (this.waiters.length >= this.options.maxWaiters) {
      waiter.onPoolFailure('overflow');
      return;
    }
    this.used = true;
    this.waiters.push(waiter);
    this.openAsNeeded();
  }

  /** Forgets a waiter whose request is gone. */
  cancel(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
  }

  /** A connection may take a request (again): HTTP/1 became idle, HTTP/2 has streams left. */
  onAvailable(connection: ClientConnection): void {
    if (this.closed) {
      connection.drain();
      return;
    }
    if (!connection.listed) {
      // A mark on the connection: a set that changes with each request would be made anew all the time.
      connection.listed = true;
      this.available.push(connection);
    }
    while (this.waiters.length > 0 && connection.available) this.waiters.shift()!.onConnection(connection);
  }

  onClosed(connection: ClientConnection): void {
    this.all.delete(connection);
    if (connection.listed) {
      connection.listed = false;
      this.available.splice(this.available.indexOf(connection), 1);
      this.lowWater = Math.min(this.lowWater, this.available.length);
    }
    this.openAsNeeded();
  }

  onConnected(connection: ClientConnection): void {
    this.opening--;
    this.all.add(connection);
    this.onAvailable(connection);
  }

  onDialFailed(reason: PoolFailure): void {
    this.opening--;
    // One failed dial fails the requests that it was opened for; the others keep waiting for theirs.
    const count =
      this.opening === 0 ? this.waiters.length : Math.min(this.waiters.length, this.options.requestsPerConnection);
    for (const waiter of this.waiters.splice(0, count)) waiter.onPoolFailure(reason);
  }

  /**
   * Closes the connections that no request used since the last call. Reuse is last-in-first-out, so these are the
   * bottom ones of the stack, and no time need be kept for each connection.
   */
  sweep(): void {
    if (this.options.requestsPerConnection > 1) {
      this.sweepMultiplexed();
      return;
    }
    for (const connection of this.available.splice(0, this.lowWater)) {
      connection.listed = false;
      connection.drain();
    }
    this.lowWater = this.available.length;
  }

  /** Tells the connections the time. */
  checkDeadlines(nowMs: number): void {
    for (const connection of [...this.all]) connection.checkDeadlines?.(nowMs);
  }

  /** The last one takes all requests that it can: only when none came is it idle. The others were there for a peak. */
  private sweepMultiplexed(): void {
    const last = this.available.at(-1);
    for (const connection of [...this.available]) {
      if (connection.activeStreams === 0 && !(this.used && connection === last)) connection.drain();
    }
    this.used = false;
  }

  /** Lets requests in flight finish and takes no more. */
  drain(): void {
    this.closed = true;
    for (const waiter of this.waiters.splice(0)) waiter.onPoolFailure('closed');
    for (const connection of this.all) connection.drain();
  }

  private unlistLast(): void {
    this.available.pop()!.listed = false;
    if (this.available.length < this.lowWater) this.lowWater = this.available.length;
  }

  private openAsNeeded(): void {
    while (
      this.waiters.length > this.opening * this.options.requestsPerConnection &&
      this.all.size + this.opening < this.options.maxConnections
    ) {
      this.opening++;
      this.options.dial(this);
    }
  }
}
