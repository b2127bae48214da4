import type { TimerWheel } from '../timer-wheel.ts';
import type { ClientConnection } from '../wire/stream.ts';
import { type PoolFailure, type Waiter, WaiterList } from './waiter.ts';

/** A dial that waits for something with a deadline of its own is over by then: nothing is waited for longer because of one. */
export const longestDialMs = 33_000;

/** Where a dial reports to, and then the connection that came of it. */
export interface Dialled {
  /** The dial waits for something that has a deadline of its own: a resolver, or a server that took the connection. */
  onUnderWay(): void;
  /** The connection takes requests. */
  onConnected(connection: ClientConnection): void;
  onDialFailed(reason: PoolFailure, detail: string): void;
  onAvailable(connection: ClientConnection): void;
  onClosed(connection: ClientConnection): void;
}

/** Who has the pool, and is told how its connections do. */
export interface PoolOwner {
  onConnected(): void;
  /** A dial failed. */
  onDialFailed(reason: PoolFailure, detail: string): void;
  /** A connection has closed. */
  onClosed(): void;
  /** What waits here could have a connection elsewhere. */
  readonly hasOthers: boolean;
}

export interface PoolOptions {
  /** Opens one connection and reports to `dialled` once. */
  dial(dialled: Dialled): void;
  deadlines: TimerWheel;
  owner: PoolOwner;
  /** Most connections at a time, open or opening. */
  maxConnections: number;
  /** Most requests that wait for one. */
  maxWaiters: number;
  /** How long each of them may, in ms. */
  maxWaitMs: number;
  /** How many waiting requests one connection, once open, is expected to take: 1 for HTTP/1, many for HTTP/2. */
  requestsPerConnection: number;
}

/**
 * The connections to one endpoint for one protocol.
 *
 * Idle HTTP/1 connections are reused last-in-first-out, so that the pool shrinks to what is needed; an HTTP/2 pool
 * stays at one connection until its streams run out.
 *
 * A dial that fails takes no request with it that another connection may still take: those that wait fail when there is
 * none left, open or opening, or when their time is over. Where there are other endpoints, one goes there.
 */
export class ConnectionPool implements Dialled {
  private readonly options: PoolOptions;
  private readonly available: ClientConnection[] = [];
  /** Fewest connections that were available since the last sweep: that many at the bottom were not used. */
  private lowWater = 0;
  /** A connection that carries many requests was asked for since the last sweep. */
  private used = false;
  private readonly all = new Set<ClientConnection>();
  private readonly waiting = new WaiterList();
  private opening = 0;
  /** Of those being opened, the ones that wait for something that has a deadline of its own. */
  private underWay = 0;
  private closed = false;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Connections open now. */
  get size(): number {
    return this.all.size;
  }

  /** Connections that may take a request now or later: those that drain only see to what they have. */
  get lasting(): number {
    let lasting = 0;
    for (const { draining } of this.all) if (!draining) lasting++;
    return lasting;
  }

  /** Connections being opened. */
  get dialling(): number {
    return this.opening;
  }

  /** A dial waits for something that has a deadline of its own. */
  get isUnderWay(): boolean {
    return this.underWay > 0;
  }

  /** Requests that wait for a connection. */
  get waiters(): number {
    return this.waiting.size;
  }

  /** Requests under way. */
  get activeStreams(): number {
    let streams = 0;
    for (const connection of this.all) streams += connection.activeStreams;
    return streams;
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

  wait(waiter: Waiter): void {
    if (this.closed) {
      this.options.deadlines.disarm(waiter);
      waiter.onPoolFailure('closed', 'the endpoint is gone');
      return;
    }
    if (this.waiting.size >= this.options.maxWaiters) {
      this.options.deadlines.disarm(waiter);
      waiter.onPoolFailure('overflow', `${this.waiting.size} requests wait for a connection already`);
      return;
    }
    this.used = true;
    waiter.pool = this;
    this.waiting.push(waiter);
    // One that waits again keeps its time.
    if (!waiter.isArmed) this.options.deadlines.arm(waiter, this.options.maxWaitMs);
    this.openAsNeeded();
  }

  /** Forgets a waiter whose request is gone. */
  cancel(waiter: Waiter): void {
    this.options.deadlines.disarm(waiter);
    if (waiter.pool === this) this.waiting.remove(waiter);
  }

  /** @internal its time is over */
  expire(waiter: Waiter): void {
    if (this.isUnderWay && waiter.extendedMs < longestDialMs) {
      // A server that is busy has taken the connection and will answer: the dialer knows when that is too late.
      waiter.extendedMs += this.options.maxWaitMs;
      this.options.deadlines.arm(waiter, this.options.maxWaitMs);
      return;
    }
    this.waiting.remove(waiter);
    waiter.onPoolFailure('timeout', `no connection came free within ${this.options.maxWaitMs} ms`);
  }

  /** Opens a connection, if there is none and none is being opened. */
  prepare(): void {
    if (this.closed || this.lasting + this.opening > 0) return;
    this.used = true;
    this.open();
  }

  /** A connection may take a request (again): HTTP/1 became idle, HTTP/2 has streams left. */
  onAvailable(connection: ClientConnection): void {
    if (this.closed) {
      connection.drain();
      return;
    }
    if (connection.available) this.list(connection);
    while (this.waiting.first !== undefined && connection.available) {
      const waiter = this.waiting.first;
      this.waiting.remove(waiter);
      waiter.onConnection(connection);
      if (waiter.pool === undefined) this.options.deadlines.disarm(waiter);
    }
    if (this.waiting.first !== undefined) this.openAsNeeded();
  }

  onClosed(connection: ClientConnection): void {
    this.all.delete(connection);
    if (connection.listed) {
      connection.listed = false;
      this.available.splice(this.available.indexOf(connection), 1);
      this.lowWater = Math.min(this.lowWater, this.available.length);
    }
    this.options.owner.onClosed();
    this.openAsNeeded();
  }

  onUnderWay(): void {
    this.underWay++;
  }

  onConnected(connection: ClientConnection): void {
    this.opening--;
    this.underWay = Math.min(this.underWay, this.opening);
    this.all.add(connection);
    if (!this.closed) this.list(connection);
    // What the owner has waiting may take it.
    this.options.owner.onConnected();
    this.onAvailable(connection);
  }

  onDialFailed(reason: PoolFailure, detail: string): void {
    this.opening--;
    this.underWay = Math.min(this.underWay, this.opening);
    this.options.owner.onDialFailed(reason, detail);
    if (this.opening + this.lasting === 0) this.failWaiters(reason, detail);
    // Its connections may be busy for long: the request that the dial was for goes where there is another.
    else if (this.waiting.first !== undefined && this.options.owner.hasOthers) this.failFirst(reason, detail);
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

  /** Lets those that wait go elsewhere; what is under way goes on. */
  turnAway(detail: string): void {
    this.failWaiters('closed', detail);
  }

  /** Lets requests in flight finish and takes no more. */
  drain(): void {
    this.closed = true;
    this.failWaiters('closed', 'the endpoint is gone');
    for (const connection of this.all) connection.drain();
  }

  /** The last one takes all requests that it can: only when none came is it idle. The others were there for a peak. */
  private sweepMultiplexed(): void {
    const last = this.available.at(-1);
    for (const connection of [...this.available]) {
      if (connection.activeStreams === 0 && !(this.used && connection === last)) connection.drain();
    }
    this.used = false;
  }

  private failWaiters(reason: PoolFailure, detail: string): void {
    // Those that come back meanwhile wait for another dial.
    for (let count = this.waiting.size; count > 0; count--) this.failFirst(reason, detail);
  }

  private failFirst(reason: PoolFailure, detail: string): void {
    const waiter = this.waiting.first;
    if (waiter === undefined) return;
    this.cancel(waiter);
    waiter.onPoolFailure(reason, detail);
  }

  private list(connection: ClientConnection): void {
    if (connection.listed) return;
    // A mark on the connection: a set that changes with each request would be made anew all the time.
    connection.listed = true;
    this.available.push(connection);
  }

  private unlistLast(): void {
    this.available.pop()!.listed = false;
    if (this.available.length < this.lowWater) this.lowWater = this.available.length;
  }

  private openAsNeeded(): void {
    if (this.closed) return;
    while (this.waiting.size > this.opening * this.options.requestsPerConnection && this.hasRoom) this.open();
  }

  /** Connections on which a peer only lets long streams end, however many it leaves so, stand in no other's way. */
  private get hasRoom(): boolean {
    const { maxConnections, requestsPerConnection } = this.options;
    if (this.all.size + this.opening < maxConnections) return true;
    return requestsPerConnection > 1 && this.lasting + this.opening < maxConnections;
  }

  private open(): void {
    this.opening++;
    this.options.dial(this);
  }
}
