import type { Sender } from '../exchange/plan.ts';
import type { BackendHealth } from './endpoint-health.ts';
import type { TcpWaiter } from './tcp-balancer.ts';

/** One of the places that a rule may send to. */
export interface Backend extends Sender {
  /** False when it fails whatever comes at once: where there is another place, that is to have it. */
  readonly isAvailable: boolean;
  /** Of the endpoints that it leads to; undefined where it leads to none, or to those of several. */
  readonly health?: BackendHealth | undefined;
}

/** One of the places that connections which nobody looks into may go to. */
export interface TcpBackend {
  /** As for requests. */
  readonly isAvailable: boolean;
  /** Gives it a connection to an endpoint, now or later, or fails it. */
  connect(waiter: TcpWaiter): void;
}
