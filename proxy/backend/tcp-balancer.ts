import type { Clock } from '../clock.ts';
import type { Connection } from '../wire/transport.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import { type Failing, overflowing, type TcpFailure } from './failing.ts';
import { type EndpointQueue, Queued } from './queue.ts';

/** A connection that waits for an endpoint. */
export interface TcpWaiter {
  /** Its client has left: no endpoint is wanted any more. */
  readonly gone: boolean;
  /** `closed` is to be called when the connection has ended, with the reason if this proxy ended it for one. */
  onConnected(connection: Connection, closed: (reason?: TcpFailure) => void): void;
  onFailed(reason: TcpFailure, detail: string): void;
}

/** What the balancer of a service knows. */
interface Service {
  readonly endpoints: ReadonlyMap<string, BalancedEndpoint>;
  /** Nothing is worth waiting for: it is closed, or none came for long. */
  readonly isHopeless: boolean;
  /** Endpoints may yet come. */
  readonly mayGetMore: boolean;
  readonly failing: Failing;
  /** Something waited for its whole time. */
  enterFailfast(): void;
}

/** An endpoint that could not be reached is not tried again sooner, whoever asks. */
const redialMs = 100;

/**
 * Balances opaque connections over the endpoints of a service, by how many each has open. Each connection finds out for
 * itself whether its endpoint is there: there is nothing that could be kept ready for it.
 */
export class TcpBalancer {
  private readonly service: Service;
  private readonly clock: Clock;
  private readonly queue: EndpointQueue;

  constructor(service: Service, clock: Clock, queue: EndpointQueue) {
    this.service = service;
    this.clock = clock;
    this.queue = queue;
  }

  /** Connections that wait for an endpoint. */
  get waiting(): number {
    return this.queue.size;
  }

  connect(waiter: TcpWaiter): void {
    this.place(new QueuedConnection(this, waiter, this.service));
  }

  /** Something has changed: what waits looks again. */
  serve(): void {
    if (this.service.endpoints.size === 0) return;
    for (let i = this.queue.size; i > 0; i--) this.queue.take()?.go();
  }

  failAll(): void {
    const { failing } = this.service;
    for (let i = this.queue.size; i > 0; i--) (this.queue.take() as QueuedConnection | undefined)?.fail(failing);
  }

  /** @internal gives one an endpoint, or has it wait for one for what is left of its time */
  place(queued: QueuedConnection): void {
    if (queued.waiter.gone) return;
    const endpoint = this.leastConnected();
    if (endpoint !== undefined) this.connectTo(endpoint, queued);
    else this.wait(queued);
  }

  private wait(queued: QueuedConnection): void {
    const { service, queue } = this;
    if (service.isHopeless || !(service.mayGetMore || this.anyProbed)) queued.fail(service.failing);
    else if (queue.isFull) queued.fail(overflowing(queue.size));
    else queue.add(queued);
  }

  /**
   * The endpoint that has the fewest for its weight. One that failed is tried by one connection at a time, and when all
   * have failed the one that was left alone longest is, unless that was just now.
   */
  private leastConnected(): BalancedEndpoint | undefined {
    const all = [...this.service.endpoints.values()];
    const from = Math.floor(this.clock.random() * all.length);
    let least: BalancedEndpoint | undefined;
    let oldest: BalancedEndpoint | undefined;
    for (let i = 0; i < all.length; i++) {
      const endpoint = all[(from + i) % all.length];
      if (endpoint.isProbed) continue;
      if (endpoint.state === 'backing off') {
        if (oldest === undefined || endpoint.failedMs < oldest.failedMs) oldest = endpoint;
      } else if (least === undefined || endpoint.tcpLoad < least.tcpLoad) least = endpoint;
    }
    if (least !== undefined) return least;
    return oldest !== undefined && this.clock.nowMs() - oldest.failedMs >= redialMs ? oldest : undefined;
  }

  private connectTo(endpoint: BalancedEndpoint, queued: QueuedConnection): void {
    endpoint.connectTcp(
      (connection) => queued.waiter.onConnected(connection, () => endpoint.tcpClosed()),
      () => {
        this.place(queued);
        // Those that waited for its answer have it; an endpoint that failed before has changed no state by it.
        if (!this.anyProbed) this.serve();
      },
    );
  }

  /** A connection is finding out whether an endpoint that failed is there again: its answer is worth waiting for. */
  private get anyProbed(): boolean {
    for (const endpoint of this.service.endpoints.values()) if (endpoint.isProbed) return true;
    return false;
  }
}

/** A connection in the queue. */
class QueuedConnection extends Queued {
  private readonly balancer: TcpBalancer;
  readonly waiter: TcpWaiter;
  private readonly service: Service;

  constructor(balancer: TcpBalancer, waiter: TcpWaiter, service: Service) {
    super();
    this.balancer = balancer;
    this.waiter = waiter;
    this.service = service;
  }

  override go(): void {
    this.balancer.place(this);
  }

  override expire(): void {
    if (this.waiter.gone) return;
    this.service.enterFailfast();
    this.fail(this.service.failing);
  }

  fail({ reason, detail }: Failing): void {
    this.waiter.onFailed(reason, detail);
  }
}
