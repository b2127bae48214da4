import type { Attempt } from '../exchange/attempt.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { EndpointState } from './endpoint-state.ts';

/** Who balances over endpoints, and is told of each. */
export interface Balancing {
  /** Its state is another. */
  onStateChanged(endpoint: BalancedEndpoint, before: EndpointState): void;
  /** A try that waited gets no connection here: nothing of it was sent. */
  onNoConnection(endpoint: BalancedEndpoint, attempt: Attempt, reason: PoolFailure, detail: string): void;
  /** Whether another endpoint is ready. */
  hasOthersThan(endpoint: BalancedEndpoint): boolean;
  /** Whether enough others are ready for it to be ejected. */
  canSpare(endpoint: BalancedEndpoint): boolean;
  /** Whether it is worth a dial in the background when its time to back off is over. */
  readonly isUsed: boolean;
}
