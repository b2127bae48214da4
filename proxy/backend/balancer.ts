import { P2c } from '../balance/p2c.ts';
import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { Sender } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import { type EndpointInfo, sameConnection, sameLabels } from '../model/endpoint-info.ts';
import type { Log } from '../telemetry/log.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import { Deadline, type TimerWheel } from '../timer-wheel.ts';
import type { PoolFailure } from '../upstream/connection-pool.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Connection } from '../wire/transport.ts';
import { BalancedEndpoint, type BalancedEndpointOptions, type Balancing } from './balanced-endpoint.ts';
import { EndpointQueue, Queued } from './queue.ts';

export interface BalancerOptions extends Omit<BalancedEndpointOptions, 'maxWaitMs'> {
  clock: Clock;
  deadlines: TimerWheel;
  log: Log;
  /** The handle for requests at an endpoint. */
  requestMetrics(authority: string, info: EndpointInfo): RequestMetrics;
  /** How long a request or connection waits for an endpoint, and then for its connection, in ms. */
  failfastMs: number;
  /** How many may wait for an endpoint. */
  queueCapacity: number;
}

/** Why a connection got no endpoint. */
export type TcpFailure = PoolFailure | 'failfast';

/** A connection that waits for an endpoint. */
export interface TcpWaiter {
  /** `closed` is to be called when the connection has ended. */
  onConnected(connection: Connection, closed: () => void): void;
  onFailed(reason: TcpFailure, detail: string): void;
}

const failureOf: Record<PoolFailure, ProxyFailure> = {
  resolve: failures.connect,
  connect: failures.connect,
  'connect timeout': failures.connectTimeout,
  tls: failures.identityRequired,
  overflow: failures.loadShed,
  timeout: failures.failfast,
  closed: failures.connect,
};

/** While requests wait and nothing is ready, one more endpoint is tried each time. */
const hurryMs = 50;
/** An endpoint that could not be reached is not tried again sooner, whoever asks. */
const redialMs = 100;
/** Endpoints that back off are tried in the background while the service was used within that time. */
const usedMs = 10_000;

/**
 * Balances requests and connections over the endpoints of a service.
 *
 * Requests go to endpoints that are ready: those that have a connection. The others are connected to in the background,
 * as they would have been picked, so an endpoint that does not answer costs no request anything as long as another
 * does. When none is ready, requests wait for the first that comes; when none can be reached, they fail with the cause.
 *
 *     none ready --a connection is made--> ready --all are closed or fail--> none ready
 *     none ready for `failfastMs`: further requests fail at once, until there is one or the endpoints change
 */
export class Balancer extends Deadline implements Sender, Balancing {
  private readonly options: BalancerOptions;
  /** What is balanced over, for the log. */
  private readonly target: string;
  private readonly ready: P2c<BalancedEndpoint>;
  private readonly byAddress = new Map<string, BalancedEndpoint>();
  /** Those that are neither ready nor backing off. */
  private unconnected: BalancedEndpoint[] = [];
  private connecting = 0;
  /** Tries that wait for an endpoint that is ready. */
  private readonly queue: EndpointQueue;
  /** Opaque connections that wait for any: each finds out for itself whether it is there. */
  private readonly tcpQueue: EndpointQueue;
  /** The endpoints stand in for those that discovery may yet tell of: that they fail is no answer. */
  private provisional = false;
  private failfast = false;
  private lastUsedMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(target: string, options: BalancerOptions) {
    super();
    this.target = target;
    this.options = options;
    this.ready = new P2c(options.clock.random);
    const makeQueue = (): EndpointQueue =>
      new EndpointQueue(options.deadlines, options.queueCapacity, options.failfastMs, () => this.isUnderWay);
    this.queue = makeQueue();
    this.tcpQueue = makeQueue();
  }

  /** Sends a try to one of the endpoints, at once or when one is ready. */
  send(attempt: Attempt): void {
    const nowMs = attempt.exchange.attempts === 1 ? attempt.exchange.startMs : this.options.clock.nowMs();
    this.dispatch(attempt, nowMs);
  }

  /** Connects to one of the endpoints for opaque bytes. */
  connect(waiter: TcpWaiter): void {
    this.lastUsedMs = this.options.clock.nowMs();
    const endpoint = this.leastConnected();
    if (endpoint !== undefined) this.connectTo(endpoint, waiter);
    else this.enqueue(new QueuedConnection(this, waiter), this.tcpQueue, this.mayGetMore || this.anyProbed);
  }

  /** Endpoints that have a connection. */
  get readyCount(): number {
    return this.ready.size;
  }

  get endpointCount(): number {
    return this.byAddress.size;
  }

  /** Requests and connections that wait for an endpoint, or for a connection of one. */
  get waiting(): number {
    let waiting = this.queue.size + this.tcpQueue.size;
    for (const { endpoint } of this.byAddress.values()) waiting += endpoint.waiters;
    return waiting;
  }

  /** Connections to endpoints, opaque ones not counted. */
  get connections(): number {
    let connections = 0;
    for (const { endpoint } of this.byAddress.values()) connections += endpoint.connections + endpoint.dialling;
    return connections;
  }

  /** Something is under way. */
  get isBusy(): boolean {
    if (this.queue.size + this.tcpQueue.size > 0) return true;
    for (const { ewma, openTcp } of this.byAddress.values()) if (ewma.inFlight > 0 || openTcp > 0) return true;
    return false;
  }

  get isUsed(): boolean {
    return this.isBusy || this.options.clock.nowMs() - this.lastUsedMs < usedMs;
  }

  /**
   * Takes the endpoints as they are now. `authority` is what metrics call the service; `provisional` is set for those
   * that stand in until discovery knows the service, which may be about to be created.
   */
  replace(authority: string, infos: readonly EndpointInfo[], provisional = false): void {
    this.provisional = provisional;
    const gone = new Map(this.byAddress);
    for (const info of infos) {
      const key = formatHostPort(info.address, info.port);
      const existing = this.byAddress.get(key);
      if (existing !== undefined && sameConnection(existing.endpoint.info, info)) {
        gone.delete(key);
        if (!sameLabels(existing.endpoint.info, info)) this.relabel(existing, authority, info);
        else existing.endpoint.info = info;
        continue;
      }
      this.byAddress.set(
        key,
        new BalancedEndpoint(info, this.options.requestMetrics(authority, info), this, {
          ...this.options,
          maxWaitMs: this.options.failfastMs,
        }),
      );
    }
    for (const [key, endpoint] of gone) if (this.byAddress.get(key) === endpoint) this.byAddress.delete(key);
    this.failfast = false;
    this.rebalance();
    // What waits for those that are gone goes to those that are there.
    for (const endpoint of gone.values()) endpoint.remove();
    this.serveQueue();
  }

  /** Closes connections that were not used since the last call. */
  sweep(): void {
    const nowMs = this.options.clock.nowMs();
    for (const { endpoint } of this.byAddress.values()) endpoint.sweep(nowMs);
  }

  /** Lets what is under way finish and takes nothing more. */
  close(): void {
    this.closed = true;
    this.options.deadlines.disarm(this);
    const endpoints = [...this.byAddress.values()];
    this.byAddress.clear();
    this.rebalance();
    for (const endpoint of endpoints) endpoint.remove();
    this.failQueues();
  }

  // What its endpoints tell.

  onStateChanged(endpoint: BalancedEndpoint): void {
    if (endpoint.state === 'ready') {
      this.failfast = false;
      this.tell(endpoint, false);
    } else if (endpoint.state === 'backing off') this.tell(endpoint, true);
    this.rebalance();
    this.serveQueue();
  }

  onNoConnection(_endpoint: BalancedEndpoint, attempt: Attempt, reason: PoolFailure, detail: string): void {
    // Nothing of it was sent: another may have it, but not when its time is over or too many wait.
    if (reason === 'timeout' || reason === 'overflow') attempt.fail(failureOf[reason], detail);
    else this.dispatchAgain(attempt);
  }

  /** Requests wait and nothing is ready yet: one more endpoint is tried. */
  override onDeadline(): void {
    if (this.queue.size === 0) return;
    if (this.ready.size > 0) this.serveAll();
    else {
      this.connectOne();
      this.options.deadlines.arm(this, hurryMs);
    }
  }

  /** @internal */
  dispatchAgain(attempt: Attempt): void {
    this.dispatch(attempt, this.options.clock.nowMs());
  }

  private dispatch(attempt: Attempt, nowMs: number): void {
    this.lastUsedMs = nowMs;
    const endpoint = this.ready.pick(nowMs, attempt.avoid);
    if (endpoint === undefined) {
      this.wanted = attempt;
      const mayCome = this.unconnected.length > 0 || this.mayGetMore || this.redial(attempt);
      this.enqueue(new QueuedAttempt(this, attempt), this.queue, mayCome);
      return;
    }
    if (this.unconnected.length > 0) this.connectAsPicked(attempt);
    endpoint.send(attempt, nowMs);
  }

  /** @internal its time in the queue is over: so is that of all who come, until something changes */
  enterFailfast(): void {
    if (!this.failfast) {
      const { size } = this.byAddress;
      this.options.log.warn('no endpoint became ready', {
        target: this.target,
        endpoints: size,
        cause: this.lastCause()?.detail,
      });
    }
    this.failfast = true;
  }

  /** @internal what the queue's members are told when there is no endpoint for them */
  get failure(): { readonly failure: ProxyFailure; readonly reason: TcpFailure; readonly detail: string } {
    const cause = this.lastCause();
    if (cause !== undefined && this.unconnected.length === 0 && !this.mayGetMore) {
      return { failure: failureOf[cause.reason], ...cause };
    }
    const { size } = this.byAddress;
    const detail =
      size === 0
        ? `${this.target} has no endpoints`
        : `none of ${size} endpoints of ${this.target} became ready${cause === undefined ? '' : `: ${cause.detail}`}`;
    return { failure: failures.failfast, reason: 'failfast', detail };
  }

  private enqueue(queued: QueuedAttempt | QueuedConnection, queue: EndpointQueue, isWorthIt: boolean): void {
    if (this.closed || this.failfast || !isWorthIt) {
      const { failure, reason, detail } = this.failure;
      queued.fail(failure, reason, detail);
      return;
    }
    if (queue.isFull) {
      queued.fail(failures.loadShed, 'overflow', `${queue.size} wait for an endpoint already`);
      return;
    }
    queue.add(queued);
    if (queue === this.tcpQueue) return;
    this.connectOne();
    if (!this.isArmed) this.options.deadlines.arm(this, hurryMs);
  }

  /** What was queued last: endpoints are connected to in the way that it needs. */
  private wanted: Attempt | undefined = undefined;

  /** All endpoints back off: whoever comes has the one tried that was left alone longest, unless that was just now. */
  private redial(attempt: Attempt): boolean {
    let oldest: BalancedEndpoint | undefined;
    for (const endpoint of this.byAddress.values()) {
      if (oldest === undefined || endpoint.failedMs < oldest.failedMs) oldest = endpoint;
    }
    if (oldest === undefined || this.options.clock.nowMs() - oldest.failedMs < redialMs) return false;
    oldest.connect(attempt);
    return true;
  }

  /** Has one of the endpoints connected to that are not yet. */
  private connectOne(): void {
    const { unconnected, wanted } = this;
    const open = unconnected.filter(({ state }) => state === 'unconnected');
    if (open.length === 0 || wanted === undefined) return;
    open[Math.floor(this.options.clock.random() * open.length)].connect(wanted);
  }

  /** As often as it would have been picked, an endpoint that is not connected to yet is. */
  private connectAsPicked(attempt: Attempt): void {
    const { unconnected, ready } = this;
    const at = Math.floor(this.options.clock.random() * (unconnected.length + ready.size));
    if (at < unconnected.length && unconnected[at].state === 'unconnected') unconnected[at].connect(attempt);
  }

  /** Gives what waits to endpoints that are ready; a share of it each, while others are still being connected to. */
  private serveQueue(): void {
    this.serveTcpQueue();
    const { queue, ready } = this;
    if (queue.size === 0) return;
    if (ready.size > 0) {
      const share = Math.ceil(queue.size / (this.connecting + 1));
      for (let i = 0; i < share; i++) queue.take()?.go();
    } else if (this.unconnected.length === 0 && !this.mayGetMore) this.failQueues();
    else if (this.connecting === 0) this.connectOne();
  }

  /** Waiting is worth it even where no endpoint can be reached: others may come. */
  private get mayGetMore(): boolean {
    return this.byAddress.size === 0 || (this.provisional && this.lastCause()?.reason === 'resolve');
  }

  /** @internal an endpoint's dial waits for something that has a deadline of its own */
  get isUnderWay(): boolean {
    for (const { endpoint } of this.byAddress.values()) if (endpoint.isUnderWay) return true;
    return false;
  }

  private serveTcpQueue(): void {
    if (this.byAddress.size === 0) return;
    for (let i = this.tcpQueue.size; i > 0; i--) this.tcpQueue.take()?.go();
  }

  private serveAll(): void {
    for (let i = this.queue.size; i > 0; i--) this.queue.take()?.go();
  }

  private failQueues(): void {
    const { failure, reason, detail } = this.failure;
    for (const queue of [this.queue, this.tcpQueue]) {
      for (let i = queue.size; i > 0; i--) {
        (queue.take() as QueuedAttempt | QueuedConnection | undefined)?.fail(failure, reason, detail);
      }
    }
  }

  /** A connection is finding out whether an endpoint that failed is there again: its answer is worth waiting for. */
  private get anyProbed(): boolean {
    for (const endpoint of this.byAddress.values()) if (endpoint.isProbed) return true;
    return false;
  }

  private rebalance(): void {
    const all = [...this.byAddress.values()];
    this.ready.replace(all.filter(({ state }) => state === 'ready'));
    this.unconnected = all.filter(({ state }) => state === 'unconnected' || state === 'connecting');
    this.connecting = all.filter(({ state }) => state === 'connecting').length;
  }

  private relabel(endpoint: BalancedEndpoint, authority: string, info: EndpointInfo): void {
    endpoint.update(info, this.options.requestMetrics(authority, info));
  }

  /**
   * For opaque connections: the endpoint that has the fewest for its weight. One that failed is tried by one connection
   * at a time, and when all have failed the one that was left alone longest is, unless that was just now.
   */
  private leastConnected(): BalancedEndpoint | undefined {
    const { clock } = this.options;
    const all = [...this.byAddress.values()];
    const from = Math.floor(clock.random() * all.length);
    let least: BalancedEndpoint | undefined;
    let oldest: BalancedEndpoint | undefined;
    for (let i = 0; i < all.length; i++) {
      const endpoint = all[(from + i) % all.length];
      if (endpoint.state === 'backing off') {
        if (oldest === undefined || endpoint.failedMs < oldest.failedMs) oldest = endpoint;
      } else if (!endpoint.isProbed && (least === undefined || endpoint.tcpLoad < least.tcpLoad)) least = endpoint;
    }
    if (least !== undefined) return least;
    return oldest !== undefined && clock.nowMs() - oldest.failedMs >= redialMs ? oldest : undefined;
  }

  /** @internal */
  connectTo(endpoint: BalancedEndpoint, waiter: TcpWaiter): void {
    endpoint.connectTcp(
      (connection) => waiter.onConnected(connection, () => endpoint.tcpClosed()),
      () => this.connect(waiter),
    );
  }

  private lastCause(): { readonly reason: PoolFailure; readonly detail: string } | undefined {
    let last: BalancedEndpoint | undefined;
    for (const endpoint of this.byAddress.values()) {
      if (endpoint.failure !== undefined && (last === undefined || endpoint.failedMs > last.failedMs)) last = endpoint;
    }
    return last?.failure;
  }

  /** Says in the log that an endpoint cannot be reached, and why, and once that it can again. */
  private tell(endpoint: BalancedEndpoint, unreachable: boolean): void {
    if (endpoint.toldUnreachable === unreachable) return;
    endpoint.toldUnreachable = unreachable;
    const { log } = this.options;
    if (unreachable) log.warn('endpoint cannot be reached', this.fieldsOf(endpoint));
    else log.info('endpoint is reachable again', this.fieldsOf(endpoint));
  }

  private fieldsOf({ endpoint, failure }: BalancedEndpoint): Record<string, string | undefined> {
    const { address, port } = endpoint.info;
    return {
      target: this.target,
      address: formatHostPort(address, port),
      reason: failure?.reason,
      cause: failure?.detail,
    };
  }
}

/** A try in the queue. */
class QueuedAttempt extends Queued {
  private readonly balancer: Balancer;
  private readonly attempt: Attempt;

  constructor(balancer: Balancer, attempt: Attempt) {
    super();
    this.balancer = balancer;
    this.attempt = attempt;
    attempt.waitingAt = this;
  }

  override go(): void {
    this.attempt.waitingAt = undefined;
    this.balancer.dispatchAgain(this.attempt);
  }

  override expire(): void {
    this.balancer.enterFailfast();
    const { failure, reason, detail } = this.balancer.failure;
    this.fail(failure, reason, detail);
  }

  fail(failure: ProxyFailure, _reason: TcpFailure, detail: string): void {
    this.attempt.waitingAt = undefined;
    this.attempt.fail(failure, detail);
  }
}

/** A connection in the queue. */
class QueuedConnection extends Queued {
  private readonly balancer: Balancer;
  private readonly waiter: TcpWaiter;

  constructor(balancer: Balancer, waiter: TcpWaiter) {
    super();
    this.balancer = balancer;
    this.waiter = waiter;
  }

  override go(): void {
    this.balancer.connect(this.waiter);
  }

  override expire(): void {
    this.balancer.enterFailfast();
    const { failure, reason, detail } = this.balancer.failure;
    this.fail(failure, reason, detail);
  }

  fail(_failure: ProxyFailure, reason: TcpFailure, detail: string): void {
    this.waiter.onFailed(reason, detail);
  }
}
