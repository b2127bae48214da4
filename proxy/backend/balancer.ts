import type { Attempt } from '../exchange/attempt.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { BalancerSeries, MeasuredBalancer, QueueCounts } from '../telemetry/balancer-metrics.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import type { Backend } from './backend.ts';
import { BalancedEndpoint } from './balanced-endpoint.ts';
import type { BalancerOptions } from './balancer-options.ts';
import type { Balancing } from './balancing.ts';
import { Candidates } from './candidates.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { EndpointLog } from './endpoint-log.ts';
import { EndpointSet } from './endpoint-set.ts';
import type { EndpointState } from './endpoint-state.ts';
import { type Failing, failureOf, lastCause, noneReady } from './failing.ts';
import { HeldBack } from './held-back.ts';
import { Measurement } from './measurement.ts';
import { EndpointQueue } from './queue.ts';
import { RequestQueue } from './request-queue.ts';
import { TcpBalancer, type TcpWaiter } from './tcp-balancer.ts';

/** A request whose endpoints had no connection for it is given to so many others: each has it wait anew. */
const maxMisses = 3;
/** Endpoints that back off are tried in the background while the service was used within that time. */
const usedMs = 10_000;

/**
 * Balances requests over the endpoints of a service; opaque connections are the TcpBalancer's.
 *
 * Requests go to endpoints that are ready: those that have a connection. The others are connected to in the background,
 * as they would have been picked, so an endpoint that does not answer costs no request anything as long as another
 * does. When none is ready, requests wait for the first that comes; when none can be reached, they fail with the cause.
 *
 *     none ready --a connection is made--> ready --all are closed or fail--> none ready
 *     none ready for `failfastMs`: further requests fail at once, until there is one or the endpoints change
 *
 * An endpoint that its circuit breaker has ejected is none of those that are ready. When it is on probation it gets the
 * next request, and no other before that is answered.
 */
export class Balancer implements Backend, Balancing, MeasuredBalancer {
  /** By `address:port`. */
  readonly endpoints: ReadonlyMap<string, BalancedEndpoint>;
  readonly health: EndpointHealth;
  private readonly options: BalancerOptions;
  /** What is balanced over, for people. */
  private readonly target: string;
  private readonly set: EndpointSet;
  private readonly candidates: Candidates;
  private readonly heldBack: HeldBack;
  private readonly endpointLog: EndpointLog;
  private readonly measurement: Measurement;
  private readonly requests: RequestQueue;
  private readonly tcp: TcpBalancer;
  /** The endpoints stand in for those that discovery may yet tell of: that their names have no address is no answer. */
  private provisional = false;
  private failfast = false;
  /** What metrics call the service. */
  private authority = '';
  private lastUsedMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(target: string, options: BalancerOptions) {
    this.target = target;
    this.options = options;
    const { clock, deadlines, queueCapacity, failfastMs, log, ejections } = options;
    this.set = new EndpointSet((info, metrics) => this.make(info, metrics), options);
    this.endpoints = this.set.all;
    this.candidates = new Candidates(this.endpoints, clock, options.choice);
    this.health = new EndpointHealth(this);
    this.endpointLog = new EndpointLog(log, target);
    this.heldBack = new HeldBack(this.endpointLog, ejections);
    this.measurement = new Measurement(this, clock, failfastMs);
    const makeQueue = (counts: (series: BalancerSeries) => QueueCounts): EndpointQueue => {
      const observer = this.measurement.queueObserver(counts);
      return new EndpointQueue(deadlines, clock, queueCapacity, failfastMs, () => this.set.isUnderWay, observer);
    };
    const requests = makeQueue((series) => series.requests);
    this.requests = new RequestQueue(this, deadlines, requests, this.candidates, this.heldBack);
    const connections = makeQueue((series) => series.connections);
    this.tcp = new TcpBalancer(this, clock, connections);
  }

  /** Sends a try to one of the endpoints, at once or when one is ready. */
  send(attempt: Attempt): void {
    const { attempts, startMs, isLate } = attempt.exchange;
    this.dispatch(attempt, attempts === 1 && !isLate ? startMs : this.options.clock.nowMs());
  }

  /** Connects to one of the endpoints for opaque bytes. */
  connect(waiter: TcpWaiter): void {
    this.lastUsedMs = this.options.clock.nowMs();
    this.measurement.connecting();
    this.tcp.connect(waiter);
  }

  /** Not while breakers hold all endpoints back, until one may be probed: requests do better where there are others. */
  get isAvailable(): boolean {
    const { heldBack } = this;
    if (heldBack.mayBeProbed) return true;
    return !this.isHopeless && (heldBack.size === 0 || heldBack.size < this.endpoints.size);
  }

  /** Endpoints that have a connection. */
  get readyCount(): number {
    return this.candidates.readyCount;
  }

  get endpointCount(): number {
    return this.endpoints.size;
  }

  get queuedRequests(): number {
    return this.requests.waiting;
  }

  get queuedConnections(): number {
    return this.tcp.waiting;
  }

  /** Is measured in `series` from now on. */
  measure(series: BalancerSeries): void {
    this.measurement.begin(series);
  }

  /** Requests and connections that wait for an endpoint, or for a connection of one. */
  get waiting(): number {
    return this.requests.waiting + this.tcp.waiting + this.set.waiting;
  }

  /** Connections to endpoints, opaque ones not counted. */
  get connections(): number {
    return this.set.connections;
  }

  /** Something is under way. */
  get isBusy(): boolean {
    return this.requests.waiting + this.tcp.waiting > 0 || this.set.isBusy;
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
    this.authority = authority;
    const { gone, kind } = this.set.replace(authority, infos);
    this.measurement.updated(kind);
    this.leaveFailfast();
    this.health.told();
    this.remove(gone);
    if (infos.length === 0) this.requests.sendElsewhere();
    this.serveQueues();
  }

  /** Closes connections that were not used since the last call. */
  sweep(): void {
    this.set.sweep(this.options.clock.nowMs());
  }

  /** Lets what is under way finish and takes nothing more. */
  close(): void {
    this.closed = true;
    this.requests.close();
    this.remove(this.set.clear());
    this.failQueues();
    this.measurement.end();
  }

  // What its endpoints tell.

  onStateChanged(endpoint: BalancedEndpoint, before: EndpointState): void {
    const { state } = endpoint;
    this.health.changed();
    this.candidates.onStateChanged(endpoint, before);
    if (state === 'ready') this.leaveFailfast();
    if (state === 'backing off') this.endpointLog.reachable(endpoint, false);
    else if (state === 'ready' || state === 'probation') this.endpointLog.reachable(endpoint, true);
    if (endpoint.ejection !== undefined) this.heldBack.onStateChanged(endpoint, before, this.authority);
    this.serveQueues();
  }

  /** Nothing is sent here for now: endpoints are kept connected, and those that were lost are tried again. */
  keepTrying(attempt: Attempt): void {
    this.lastUsedMs = this.options.clock.nowMs();
    this.candidates.connectOne(attempt);
  }

  /** One of the endpoints may have a request that shows whether it has recovered. */
  get wantsProbe(): boolean {
    return this.heldBack.mayBeProbed;
  }

  hasOthersThan(endpoint: BalancedEndpoint): boolean {
    return this.readyCount > (endpoint.state === 'ready' ? 1 : 0);
  }

  canSpare(endpoint: BalancedEndpoint): boolean {
    const others = this.readyCount - (endpoint.state === 'ready' ? 1 : 0);
    return others >= (this.options.minReadyEndpoints ?? 0);
  }

  onNoConnection(endpoint: BalancedEndpoint, attempt: Attempt, reason: PoolFailure, detail: string): void {
    // Nothing of it was sent: another may have it, but not when its time is over or too many wait.
    if (reason === 'timeout' || reason === 'overflow' || attempt.misses === maxMisses) {
      attempt.fail(failureOf[reason], detail);
      return;
    }
    attempt.misses++;
    attempt.avoid = endpoint;
    this.dispatchAgain(attempt);
  }

  // What those that wait ask.

  dispatchAgain(attempt: Attempt): void {
    this.dispatch(attempt, this.options.clock.nowMs());
  }

  /** Something waited for its whole time: whoever comes fails at once, until something changes. */
  enterFailfast(): void {
    if (!this.failfast) {
      const fields = { target: this.target, endpoints: this.endpoints.size, cause: this.failing.detail };
      this.options.log.warn('no endpoint became ready', fields);
      this.measurement.gateShut();
    }
    this.failfast = true;
  }

  private leaveFailfast(): void {
    if (this.failfast) this.measurement.gateOpened();
    this.failfast = false;
  }

  get isHopeless(): boolean {
    return this.closed || this.failfast;
  }

  /** Waiting is worth it even where no endpoint can be reached: others may come. */
  get mayGetMore(): boolean {
    if (this.endpoints.size === 0) return true;
    return this.provisional && lastCause(this.endpoints.values())?.reason === 'resolve';
  }

  get failing(): Failing {
    const cause = lastCause(this.endpoints.values());
    if (cause !== undefined && !this.mayBeReached && !this.mayGetMore) {
      return { failure: failureOf[cause.reason], ...cause };
    }
    return noneReady(this.target, this.endpoints.size, this.heldBack.size, cause);
  }

  private dispatch(attempt: Attempt, nowMs: number): void {
    this.lastUsedMs = nowMs;
    const { heldBack, candidates } = this;
    const probed = heldBack.mayBeProbed ? heldBack.probedBy(attempt, candidates.readyCount > 0) : undefined;
    const endpoint = probed ?? candidates.pick(attempt, nowMs);
    if (endpoint === undefined) {
      this.requests.add(attempt);
      return;
    }
    candidates.connectAsPicked(attempt);
    endpoint.send(attempt, nowMs);
  }

  /** Some endpoint may turn out to be there. */
  get mayBeReached(): boolean {
    return this.candidates.mayBeReached || this.heldBack.size > 0;
  }

  private serveQueues(): void {
    this.tcp.serve();
    this.requests.serve();
  }

  /** Whatever waits does so in vain. */
  failQueues(): void {
    this.requests.failAll(this.failing);
    this.tcp.failAll();
  }

  private make(info: EndpointInfo, metrics: RequestMetrics): BalancedEndpoint {
    const maxWaitMs = this.options.failfastMs;
    const endpoint = new BalancedEndpoint(info, metrics, this, { ...this.options, maxWaitMs });
    this.candidates.add(endpoint);
    return endpoint;
  }

  /** Lets go of endpoints that are not in the map any more: what waits for them goes to those that are. */
  private remove(endpoints: readonly BalancedEndpoint[]): void {
    for (const endpoint of endpoints) if (endpoint.ejection !== undefined) this.heldBack.remove(endpoint);
    this.candidates.remove(endpoints);
    for (const endpoint of endpoints) endpoint.remove();
  }
}
