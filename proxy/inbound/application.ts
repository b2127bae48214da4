import { failureOf } from '../backend/failing.ts';
import { WaitingAttempt } from '../backend/waiting-attempt.ts';
import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { Sender } from '../exchange/plan.ts';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { PoolOwner } from '../upstream/connection-pool.ts';
import { type Dialer, Endpoint } from '../upstream/endpoint.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { ClientConnection } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';

export interface ApplicationOptions {
  /** Those that the workload declares. */
  ports: ReadonlySet<number>;
  clock: Clock;
  deadlines: TimerWheel;
  /** Of what clients bring about. */
  peerLog: LimitedLog;
  dialer: Dialer;
  /** Most connections to a port, and most requests that wait for one. */
  maxConnectionsPerEndpoint: number;
  /** How long a request waits for a connection, in ms. */
  failfastMs: number;
  /** How long an HTTP/1 connection that nothing uses is kept at most, in ms: Node's servers close theirs after five seconds. */
  http1IdleMs: number;
}

/** The application at one of its ports. */
export class Application implements Sender, PoolOwner {
  private readonly endpoint: Endpoint;
  private readonly options: ApplicationOptions;
  private readonly onReached: (port: number) => void;
  /** Told in the log, until it can be reached again. */
  private unreachable = false;
  /** HTTP connections whose requests come here. */
  users = 0;

  constructor(address: string, port: number, options: ApplicationOptions, onReached: (port: number) => void) {
    this.options = options;
    this.onReached = onReached;
    const { dialer, deadlines, maxConnectionsPerEndpoint, failfastMs } = options;
    this.endpoint = new Endpoint(plaintextEndpoint(address, port, 'loopback'), {
      dialer,
      deadlines,
      owner: this,
      maxHttp1Connections: maxConnectionsPerEndpoint,
      maxHttp2Connections: 16,
      maxWaiters: maxConnectionsPerEndpoint,
      maxWaitMs: failfastMs,
    });
  }

  /** Requests that wait for a connection. */
  get waiters(): number {
    return this.endpoint.waiters;
  }

  /** Nothing comes here or is kept for it now. */
  get isIdle(): boolean {
    const { connections, dialling, waiters } = this.endpoint;
    return this.users === 0 && connections === 0 && dialling === 0 && waiters === 0;
  }

  send(attempt: Attempt): void {
    const pool = this.endpoint.pool(attempt.exchange.applicationVersion);
    const connection = pool.acquire();
    const { attempts, startMs, isLate } = attempt.exchange;
    const nowMs = attempts === 1 && !isLate ? startMs : this.options.clock.nowMs();
    if (connection !== undefined && attempt.start(connection, nowMs)) return;
    const waiting = new WaitingAttempt(this, attempt, pool, this.options.clock);
    attempt.waitingAt = waiting;
    pool.wait(waiting);
  }

  /** For opaque bytes. */
  connectTcp(onConnected: (connection: Connection) => void, onFailed: (reason: PoolFailure) => void): void {
    this.endpoint.connectTcp(
      (connection) => {
        this.onConnected();
        onConnected(connection);
      },
      (reason, detail) => {
        this.onDialFailed(reason, detail);
        onFailed(reason);
      },
    );
  }

  sweep(nowMs: number): void {
    this.endpoint.sweep(nowMs);
  }

  drain(): void {
    this.endpoint.drain();
  }

  /** @internal a waiting try gets a connection */
  start(attempt: Attempt, connection: ClientConnection, nowMs: number): boolean {
    return attempt.start(connection, nowMs);
  }

  /** @internal a waiting try gets none: nothing of it was sent */
  onNoConnection(attempt: Attempt, reason: PoolFailure, detail: string): void {
    if (reason === 'connect') attempt.decline(failureOf[reason], detail);
    else attempt.fail(failureOf[reason], detail);
  }

  onConnected(): void {
    this.onReached(this.port);
    if (!this.unreachable) return;
    this.unreachable = false;
    const message = 'the application is reachable again';
    this.options.peerLog.info(`${message} ${this.address}`, message, { address: this.address });
  }

  onDialFailed(reason: PoolFailure, detail: string): void {
    if (this.unreachable) return;
    this.unreachable = true;
    const message = 'the application cannot be reached';
    this.options.peerLog.warn(`${message} ${this.address}`, message, { address: this.address, reason, cause: detail });
  }

  onClosed(): void {}

  /** There is one application. */
  readonly hasOthers = false;

  get port(): number {
    return this.endpoint.info.port;
  }

  private get address(): string {
    const { address, port } = this.endpoint.info;
    return formatHostPort(address, port);
  }
}

/** The application's ports that are called. */
export class Applications {
  private readonly options: ApplicationOptions;
  private readonly byPort = new Map<string, Application>();
  /** Ports at which it has answered. */
  private readonly reached = new Set<number>();
  private readonly onReached = (port: number): void => void this.reached.add(port);

  constructor(options: ApplicationOptions) {
    this.options = options;
    this.scheduleSweep();
  }

  at(address: string, port: number): Application {
    const key = `${address} ${port}`;
    let application = this.byPort.get(key);
    if (application === undefined) {
      application = new Application(address, port, this.options, this.onReached);
      this.byPort.set(key, application);
    }
    return application;
  }

  /** Whether the application declares a port, or has answered there: not one that a client made up. */
  isKnown(port: number): boolean {
    return this.options.ports.has(port) || this.reached.has(port);
  }

  get waiters(): number {
    let waiters = 0;
    for (const application of this.byPort.values()) waiters += application.waiters;
    return waiters;
  }

  drain(): void {
    for (const application of this.byPort.values()) application.drain();
  }

  private scheduleSweep(): void {
    // What was not used between two sweeps is closed: so that is half of the time.
    this.options.clock.after(this.options.http1IdleMs / 2, () => {
      const nowMs = this.options.clock.nowMs();
      for (const [key, application] of this.byPort) {
        application.sweep(nowMs);
        // A scan calls every port there is.
        if (application.isIdle && !this.isKnown(application.port)) this.byPort.delete(key);
      }
      this.scheduleSweep();
    });
  }
}
