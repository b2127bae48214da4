import { makeLoad, plainLoad } from '../balance/load.ts';
import type { Candidate } from '../balance/p2c.ts';
import type { PeakEwma } from '../balance/peak-ewma.ts';
import { PenaltyPeakEwma } from '../balance/penalty-ewma.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { AttemptObserver } from '../exchange/observers.ts';
import { overtaken, repeated } from '../exchange/repeats.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { BackOff } from '../resilience/back-off.ts';
import { classify } from '../telemetry/classify.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import { Deadline } from '../timer-wheel.ts';
import type { ConnectionPool, PoolOwner } from '../upstream/connection-pool.ts';
import { Endpoint } from '../upstream/endpoint.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import type { ClientConnection, HttpVersion } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { askedWaitMs } from './asked-wait.ts';
import type { BalancedEndpointOptions } from './balancer-options.ts';
import type { Balancing } from './balancing.ts';
import { carriedHttp1, carriedVersion } from './carried-http1.ts';
import { Ejection } from './ejection.ts';
import type { EndpointState } from './endpoint-state.ts';
import { oneMoreHop } from './hops.ts';
import { WaitingAttempt } from './waiting-attempt.ts';

/** Connections are few: HTTP/2 carries many requests, HTTP/1 as many as there are clients waiting at a time. */
const limits = { maxHttp1Connections: 10_000, maxHttp2Connections: 16, maxWaiters: 10_000 };

/** An endpoint among those of a service: its state, its connections, its load and its metrics. */
export class BalancedEndpoint extends Deadline implements Candidate, AttemptObserver, PoolOwner {
  readonly endpoint: Endpoint;
  readonly ewma: PeakEwma;
  /** Undefined where there is no breaker. */
  readonly ejection: Ejection | undefined;
  metrics: RequestMetrics;
  state: EndpointState = 'unconnected';
  removed = false;
  /** Its place among those that are not connected; the balancer's. */
  unconnectedAt = -1;
  /** The log was told that it cannot be reached, and not yet that it can again. */
  toldUnreachable = false;
  /** Opaque connections that are open or being opened. */
  openTcp = 0;
  /** Why the last dial failed; undefined after one that succeeded. */
  failure: { readonly reason: PoolFailure; readonly detail: string } | undefined = undefined;
  /** When the last dial failed. */
  failedMs = Number.NEGATIVE_INFINITY;
  private readonly options: BalancedEndpointOptions;
  private readonly owner: Balancing;
  private readonly backOff: BackOff;
  /** The same as `ewma`, where answers can cost more than their time. */
  private readonly penalized: PenaltyPeakEwma | undefined;
  /** What is dialled in the background: what was asked for last; undefined when only opaque connections were. */
  private wanted: HttpVersion | undefined = undefined;
  private diallingTcp = 0;

  constructor(info: EndpointInfo, metrics: RequestMetrics, owner: Balancing, options: BalancedEndpointOptions) {
    super();
    const { clock, dialer, deadlines, maxWaitMs, breaker, load = plainLoad } = options;
    this.options = options;
    this.owner = owner;
    this.metrics = metrics;
    this.ewma = makeLoad(load, clock.nowMs());
    this.penalized = this.ewma instanceof PenaltyPeakEwma ? this.ewma : undefined;
    this.ejection = breaker && new Ejection(this, breaker(), clock);
    this.backOff = new BackOff(100, 5000, 1, clock.random);
    this.endpoint = new Endpoint(info, { dialer, deadlines, owner: this, maxWaitMs, ...limits });
  }

  get info(): EndpointInfo {
    return this.endpoint.info;
  }

  get weight(): number {
    return this.endpoint.info.weight;
  }

  cost(nowMs: number): number {
    return this.ewma.cost(nowMs);
  }

  /** Opaque connections for the share of traffic that it is to have. */
  get tcpLoad(): number {
    return (this.openTcp + 1) / Math.max(1, this.weight);
  }

  /** It failed last, and a connection is just finding out whether it still does. */
  get isProbed(): boolean {
    return this.failure !== undefined && this.diallingTcp > 0;
  }

  /** Opens a connection of the kind that `attempt` needs, in the background. */
  connect(attempt: Attempt): void {
    this.wanted = carriedVersion(attempt, this.endpoint.info, this.options.http1OverHttp2);
    this.dial(this.wanted);
  }

  /** Sends a try here; it counts towards the endpoint's load until it is over. */
  send(attempt: Attempt, nowMs: number): void {
    const { authorityOverride } = this.endpoint.info;
    if (authorityOverride !== undefined) attempt.ownHead = { ...attempt.head, authority: authorityOverride };
    const version = carriedVersion(attempt, this.endpoint.info, this.options.http1OverHttp2);
    this.wanted = version;
    const carried = version !== attempt.exchange.applicationVersion;
    if (carried) attempt.extra = carriedHttp1(attempt.head);
    else attempt.extra = this.endpoint.mayBeSidecar ? oneMoreHop(attempt.exchange.head) : undefined;
    attempt.endpoint = this;
    this.ewma.begin();
    if (this.state === 'probation') this.ejection?.begin(attempt);
    const pool = this.endpoint.pool(version);
    const connection = pool.acquire();
    if (connection !== undefined && this.start(attempt, connection, nowMs)) return;
    this.wait(attempt, pool);
  }

  /** Opens an opaque connection. */
  connectTcp(
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure, detail: string) => void,
  ): void {
    this.openTcp++;
    this.diallingTcp++;
    this.endpoint.connectTcp(
      (connection) => {
        this.diallingTcp--;
        this.onConnected();
        onConnected(connection);
      },
      (reason, detail) => {
        this.openTcp--;
        this.diallingTcp--;
        this.onDialFailed(reason, detail);
        onFailed(reason, detail);
      },
    );
  }

  /** An opaque connection that was made has ended. */
  tcpClosed(): void {
    this.openTcp--;
    this.onClosed();
  }

  /** Takes what discovery says of it now, where its connections may live on. */
  update(info: EndpointInfo, metrics: RequestMetrics): void {
    this.endpoint.info = info;
    this.metrics.release(this.options.clock.nowMs());
    this.metrics = metrics;
  }

  /** It is none of the service's endpoints any more: what is under way may end. */
  remove(): void {
    this.removed = true;
    this.options.deadlines.disarm(this);
    this.endpoint.drain();
    this.metrics.release(this.options.clock.nowMs());
  }

  // As the owner of its pools.

  onConnected(): void {
    this.failure = undefined;
    this.backOff.reset();
    if (this.state === 'ejected' || this.state === 'probing') return;
    this.options.deadlines.disarm(this);
    this.become(this.stateByConnection);
  }

  onDialFailed(reason: PoolFailure, detail: string): void {
    this.failure = { reason, detail };
    this.failedMs = this.options.clock.nowMs();
    if (this.endpoint.lasting + this.openTcp - this.diallingTcp > 0 || this.removed) return;
    if (this.state === 'ejected') return;
    // Dials that fail together are one failure.
    if (this.state === 'backing off' && this.isArmed) return;
    this.options.deadlines.arm(this, this.backOff.delayMs());
    this.become('backing off');
  }

  get hasOthers(): boolean {
    return this.owner.hasOthersThan(this);
  }

  onClosed(): void {
    if (this.state === 'ready' || this.state === 'probation') this.become(this.stateByConnection);
  }

  override onDeadline(): void {
    if (this.removed) return;
    if (this.state === 'probing') this.ejection?.onProbeDue();
    else if (this.state === 'ejected' && this.endpoint.lasting > 0) this.become('probation');
    else this.reconnect();
  }

  // As what its breaker ejects.

  get mayBeEjected(): boolean {
    return !this.removed && this.state !== 'backing off' && this.owner.canSpare(this);
  }

  leaveAlone(delayMs: number): void {
    if (this.removed) return;
    this.options.deadlines.arm(this, delayMs);
    this.become('ejected');
    this.endpoint.turnAway('the endpoint was ejected');
  }

  probe(delayMs: number): void {
    this.options.deadlines.arm(this, delayMs);
    this.become('probing');
  }

  lookAgain(delayMs: number): void {
    if (!this.removed && this.state === 'probing') this.options.deadlines.arm(this, delayMs);
  }

  probed(): void {
    // It may have turned out to be out of reach meanwhile, and be on probation anew.
    if (this.removed || (this.state !== 'probing' && this.state !== 'probation')) return;
    this.options.deadlines.disarm(this);
    this.become(this.stateByConnection);
  }

  // As the observer of its tries.

  onFirstByte(attempt: Attempt): void {
    const { sentMs, firstByteMs } = attempt;
    this.ewma.sample(firstByteMs, firstByteMs - sentMs);
    if (this.ejection !== undefined) this.ejection.onFirstByte(attempt);
  }

  onOver(attempt: Attempt): void {
    this.ewma.end();
    if (attempt.sentMs < 0 || attempt.error === repeated) {
      this.ejection?.onNothing(attempt);
      return;
    }
    const { status, grpcStatus, error, firstByteMs, sentMs, exchange } = attempt;
    const nowMs = firstByteMs < 0 ? this.options.clock.nowMs() : firstByteMs;
    if (firstByteMs < 0) this.ewma.unanswered(nowMs, nowMs - sentMs);
    // That another endpoint was faster is told by its load: it has answered neither well nor badly.
    if (error === overtaken) {
      this.ejection?.onGivenUp(attempt);
      return;
    }
    const classification = exchange.plan?.classify(status, grpcStatus, error) ?? classify(status, grpcStatus, error);
    this.metrics.response(nowMs, status, classification, grpcStatus, error, nowMs - sentMs, exchange.trace);
    if (this.penalized?.penalizes(status, grpcStatus)) {
      this.penalized.penalize(nowMs, askedWaitMs(attempt, this.options.clock.wallMs()));
    }
    if (this.ejection !== undefined) this.ejection.onOver(attempt, classification);
  }

  /** @internal gives a waiting try a connection; false when the connection takes it not */
  start(attempt: Attempt, connection: ClientConnection, nowMs: number): boolean {
    if (!attempt.start(connection, nowMs)) return false;
    this.metrics.request();
    return true;
  }

  /** @internal a waiting try gets none */
  onNoConnection(attempt: Attempt, reason: PoolFailure, detail: string): void {
    attempt.endpoint = undefined;
    attempt.ownHead = undefined;
    this.ewma.end();
    this.ejection?.onNothing(attempt);
    this.owner.onNoConnection(this, attempt, reason, detail);
  }

  private wait(attempt: Attempt, pool: ConnectionPool): void {
    const waiting = new WaitingAttempt(this, attempt, pool, this.options.clock);
    attempt.waitingAt = waiting;
    pool.wait(waiting);
  }

  /** In use, or on probation where its breaker says so, while there is a connection. */
  private get stateByConnection(): EndpointState {
    if (this.endpoint.connections + this.openTcp === 0) return 'unconnected';
    return this.ejection?.reason === undefined ? 'ready' : 'probation';
  }

  /** It was left alone for long enough: a connection in the background tells whether it is there. */
  private reconnect(): void {
    if (this.wanted !== undefined && this.owner.isUsed) this.dial(this.wanted);
    else this.become('unconnected');
  }

  private dial(version: HttpVersion): void {
    this.become('connecting');
    this.endpoint.pool(version).prepare();
  }

  private become(state: EndpointState): void {
    const before = this.state;
    if (before === state || this.removed) return;
    this.state = state;
    this.owner.onStateChanged(this, before);
  }
}
