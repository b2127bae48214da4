import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { type EndpointInfo, sameConnection, sameLabels } from '../model/endpoint-info.ts';
import type { BalancerSeries, MeasuredBalancer, QueueCounts, UpdateKind } from '../telemetry/balancer-metrics.ts';
import type { EjectionMetrics } from '../telemetry/ejection-metrics.ts';
import type { Log } from '../telemetry/log.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import { Deadline, type TimerWheel } from '../timer-wheel.ts';
import type { PoolFailure } from '../upstream/connection-pool.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Backend } from './backend.ts';
import { BalancedEndpoint, type BalancedEndpointOptions, type Balancing } from './balanced-endpoint.ts';
import { Candidates } from './candidates.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { EndpointLog } from './endpoint-log.ts';
import type { EndpointState } from './endpoint-state.ts';
import { type Failing, failureOf, lastCause, overflowing } from './failing.ts';
import { HeldBack } from './held-back.ts';
import type { Choice } from './make-picker.ts';
import { EndpointQueue } from './queue.ts';
import { QueuedAttempt } from './queued-attempt.ts';
import { TcpBalancer, type TcpWaiter } from './tcp-balancer.ts';

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
  /** So many endpoints that are ready stay, whatever they answer. Default 0: the last one is ejected, too. */
  minReadyEndpoints?: number | undefined;
  /** What endpoints are chosen by besides their load. Default: nothing. */
  choice?: Choice | undefined;
  /** Where ejections are counted; undefined when nowhere. */
  ejections?: EjectionMetrics | undefined;
}

/** While requests wait and nothing is ready, one more endpoint is tried each time. */
const hurryMs = 50;
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
export class Balancer extends Deadline implements Backend, Balancing, MeasuredBalancer {
  readonly endpoints = new Map<string, BalancedEndpoint>();
  readonly health: EndpointHealth;
  private readonly options: BalancerOptions;
  /** What is balanced over, for people. */
  private readonly target: string;
  private readonly candidates: Candidates;
  private readonly heldBack: HeldBack;
  private readonly endpointLog: EndpointLog;
  private readonly queue: EndpointQueue;
  private readonly tcp: TcpBalancer;
  /** What was queued last: endpoints are connected to in the way that it needs. */
  private wanted: Attempt | undefined = undefined;
  /** The endpoints stand in for those that discovery may yet tell of: that their names have no address is no answer. */
  private provisional = false;
  private failfast = false;
  /** Where it is measured; undefined while policy has not said what it is called. */
  private series: BalancerSeries | undefined = undefined;
  /** What metrics call the service. */
  private authority = '';
  private lastUsedMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(target: string, options: BalancerOptions) {
    super();
    this.target = target;
    this.options = options;
    const { clock, deadlines, queueCapacity, failfastMs, log, ejections } = options;
    this.candidates = new Candidates(this.endpoints, clock, options.choice);
    this.health = new EndpointHealth(this);
    this.endpointLog = new EndpointLog(log, target);
    this.heldBack = new HeldBack(this.endpointLog, ejections);
    const makeQueue = (counts: (series: BalancerSeries) => QueueCounts): EndpointQueue =>
      new EndpointQueue(deadlines, clock, queueCapacity, failfastMs, () => this.isUnderWay, {
        onQueued: () => {
          if (this.series !== undefined) counts(this.series).entered++;
        },
        onUnqueued: (waitedMs) => {
          if (this.series !== undefined) counts(this.series).left(waitedMs);
        },
      });
    this.queue = makeQueue(({ requests }) => requests);
    this.tcp = new TcpBalancer(
      this,
      clock,
      makeQueue(({ connections }) => connections),
    );
  }

  /** Sends a try to one of the endpoints, at once or when one is ready. */
  send(attempt: Attempt): void {
    const { attempts, startMs, isLate } = attempt.exchange;
    this.dispatch(attempt, attempts === 1 && !isLate ? startMs : this.options.clock.nowMs());
  }

  /** Connects to one of the endpoints for opaque bytes. */
  connect(waiter: TcpWaiter): void {
    this.lastUsedMs = this.options.clock.nowMs();
    if (this.series !== undefined) this.series.connects++;
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
    return this.queue.size;
  }

  get queuedConnections(): number {
    return this.tcp.waiting;
  }

  /** Is measured in `series` from now on. */
  measure(series: BalancerSeries): void {
    if (series === this.series && !series.dropped) return;
    const { clock, failfastMs } = this.options;
    if (this.series !== undefined) this.series.leave(this, clock.nowMs());
    else if (this.endpoints.size > 0) series.updates.Reset++;
    this.series = series;
    series.join(this, clock.wallMs(), failfastMs);
  }

  /** Requests and connections that wait for an endpoint, or for a connection of one. */
  get waiting(): number {
    let waiting = this.queue.size + this.tcp.waiting;
    for (const { endpoint } of this.endpoints.values()) waiting += endpoint.waiters;
    return waiting;
  }

  /** Connections to endpoints, opaque ones not counted. */
  get connections(): number {
    let connections = 0;
    for (const { endpoint } of this.endpoints.values()) connections += endpoint.connections + endpoint.dialling;
    return connections;
  }

  /** Something is under way. */
  get isBusy(): boolean {
    if (this.queue.size + this.tcp.waiting > 0) return true;
    for (const { ewma, openTcp } of this.endpoints.values()) if (ewma.inFlight > 0 || openTcp > 0) return true;
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
    this.authority = authority;
    const gone = new Map(this.endpoints);
    const before = gone.size;
    for (const info of infos) {
      const key = formatHostPort(info.address, info.port);
      const existing = this.endpoints.get(key);
      if (existing !== undefined && sameConnection(existing.endpoint.info, info)) {
        gone.delete(key);
        if (sameLabels(existing.endpoint.info, info)) existing.endpoint.info = info;
        else existing.update(info, this.options.requestMetrics(authority, info));
      } else this.endpoints.set(key, this.make(authority, info));
    }
    for (const [key, endpoint] of gone) if (this.endpoints.get(key) === endpoint) this.endpoints.delete(key);
    if (this.series !== undefined) this.series.updates[updateKind(infos.length, before, gone.size)]++;
    this.leaveFailfast();
    this.health.told();
    this.remove([...gone.values()]);
    if (infos.length === 0) this.sendElsewhere();
    this.serveQueues();
  }

  /** Closes connections that were not used since the last call. */
  sweep(): void {
    const nowMs = this.options.clock.nowMs();
    for (const { endpoint } of this.endpoints.values()) endpoint.sweep(nowMs);
  }

  /** Lets what is under way finish and takes nothing more. */
  close(): void {
    this.closed = true;
    this.wanted = undefined;
    this.options.deadlines.disarm(this);
    const endpoints = [...this.endpoints.values()];
    this.endpoints.clear();
    this.remove(endpoints);
    this.failQueues();
    this.series?.leave(this, this.options.clock.nowMs());
    this.series = undefined;
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

  /** Requests wait and nothing is ready yet: one more endpoint is tried. */
  override onDeadline(): void {
    if (this.queue.size === 0) {
      // A target may be kept for long after its last request.
      this.wanted = undefined;
      return;
    }
    if (this.readyCount > 0) {
      for (let i = this.queue.size; i > 0; i--) this.queue.take()?.go();
      return;
    }
    this.connectOne();
    this.options.deadlines.arm(this, hurryMs);
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
      this.series?.gateShut(this.options.clock.wallMs());
    }
    this.failfast = true;
  }

  private leaveFailfast(): void {
    if (this.failfast) this.series?.gateOpened(this.options.clock.wallMs());
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
    const { size } = this.endpoints;
    const because = cause === undefined ? '' : `: ${cause.detail}`;
    const held = this.heldBack.size === 0 ? '' : `, the circuit breaker is open for ${this.heldBack.size}`;
    const detail =
      size === 0
        ? `${this.target} has no endpoints`
        : `none of ${size} endpoints of ${this.target} became ready${held}${because}`;
    return { failure: failures.failfast, reason: 'failfast', detail };
  }

  private dispatch(attempt: Attempt, nowMs: number): void {
    this.lastUsedMs = nowMs;
    const { heldBack, candidates } = this;
    const probed = heldBack.mayBeProbed ? heldBack.probedBy(attempt, candidates.readyCount > 0) : undefined;
    const endpoint = probed ?? candidates.pick(attempt, nowMs);
    if (endpoint === undefined) {
      this.wait(attempt);
      return;
    }
    candidates.connectAsPicked(attempt);
    endpoint.send(attempt, nowMs);
  }

  private wait(attempt: Attempt): void {
    if (attempt.key !== undefined && this.queue.isFull && this.readyCount > 0) {
      // It waits for a certain endpoint, and too many do: any other will do.
      attempt.key = undefined;
      this.dispatchAgain(attempt);
      return;
    }
    this.wanted = attempt;
    const mayCome = this.mayBeReached || this.mayGetMore || this.candidates.redial(attempt);
    const queued = new QueuedAttempt(this, attempt);
    if (this.isHopeless || !mayCome) {
      // It brings about the connection by which those after it are served.
      this.connectOne();
      queued.fail(this.failing);
    } else if (this.queue.isFull) queued.fail(overflowing(this.queue.size));
    else {
      this.queue.add(queued);
      this.connectOne();
      if (!this.isArmed) this.options.deadlines.arm(this, hurryMs);
    }
  }

  /** Some endpoint may turn out to be there. */
  private get mayBeReached(): boolean {
    return this.candidates.mayBeReached || this.heldBack.size > 0;
  }

  /** An endpoint's dial waits for something that has a deadline of its own. */
  private get isUnderWay(): boolean {
    for (const { endpoint } of this.endpoints.values()) if (endpoint.isUnderWay) return true;
    return false;
  }

  /** Has one of the endpoints connected to that are not yet. */
  private connectOne(): void {
    if (this.wanted !== undefined) this.candidates.connectOne(this.wanted);
  }

  /** Gives what waits to endpoints that are ready; a share of it each, while others are still being connected to. */
  private serveQueues(): void {
    this.tcp.serve();
    const { queue, candidates } = this;
    if (queue.size === 0) return;
    if (candidates.readyCount > 0) {
      const share = Math.ceil(queue.size / (candidates.connecting + 1));
      for (let i = 0; i < share; i++) queue.take()?.go();
    } else if (this.heldBack.mayBeProbed) queue.take()?.go();
    else if (!this.mayBeReached && !this.mayGetMore) this.failQueues();
    else if (candidates.connecting === 0) this.connectOne();
  }

  private failQueues(): void {
    const { failing } = this;
    for (let i = this.queue.size; i > 0; i--) (this.queue.take() as QueuedAttempt | undefined)?.fail(failing);
    this.tcp.failAll();
  }

  /** There is nothing to wait for: what has somewhere else to go does. */
  private sendElsewhere(): void {
    const { failing } = this;
    for (let i = this.queue.size; i > 0; i--) {
      const queued = this.queue.take() as QueuedAttempt;
      if (!queued.goElsewhere(failing)) this.queue.add(queued);
    }
  }

  private make(authority: string, info: EndpointInfo): BalancedEndpoint {
    const metrics = this.options.requestMetrics(authority, info);
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

/** What an update has done, by how many endpoints there are now, were before, and are gone. */
function updateKind(now: number, before: number, gone: number): UpdateKind {
  if (now === 0) return 'DoesNotExist';
  if (gone === 0 && before > 0) return 'Add';
  return gone > 0 && now === before - gone ? 'Remove' : 'Reset';
}
