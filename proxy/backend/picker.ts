import { P2c } from '../balance/p2c.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { Unconnected } from './unconnected.ts';

/** Chooses among the endpoints of a service. */
export interface Picker {
  /** How many are ready. */
  readonly size: number;
  /** Takes all endpoints as they are now: there are others, or others are ready. */
  replace(endpoints: readonly BalancedEndpoint[]): void;
  /** The one that is to have a try; undefined when it is to wait, because none is ready or it is to have a certain one. */
  pick(attempt: Attempt, nowMs: number): BalancedEndpoint | undefined;
  /** One of those that are not connected, to be connected to while requests wait. */
  first(unconnected: Unconnected<BalancedEndpoint>): BalancedEndpoint | undefined;
  /** Whether one that is not connected is worth it while others are ready. */
  wants(endpoint: BalancedEndpoint): boolean;
}

/** All that are ready, by their load. */
export class LoadPicker implements Picker {
  private readonly ready: P2c<BalancedEndpoint>;
  private readonly random: () => number;

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number) {
    this.random = random;
    this.ready = new P2c(random);
  }

  get size(): number {
    return this.ready.size;
  }

  replace(endpoints: readonly BalancedEndpoint[]): void {
    this.ready.replace(endpoints.filter(({ state }) => state === 'ready'));
  }

  pick(attempt: Attempt, nowMs: number): BalancedEndpoint | undefined {
    return this.ready.pick(nowMs, attempt.avoid);
  }

  first(unconnected: Unconnected<BalancedEndpoint>): BalancedEndpoint | undefined {
    return unconnected.any(this.random());
  }

  wants(): boolean {
    return true;
  }
}
