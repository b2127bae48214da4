import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { EndpointState } from './endpoint-state.ts';
import { type Choice, makePicker } from './make-picker.ts';
import type { Picker } from './picker.ts';
import { Unconnected } from './unconnected.ts';

/** An endpoint that could not be reached is not tried again sooner, whoever asks. */
const redialMs = 100;

/** The endpoints of a service by what can be done with them: who may have a request, and whom to connect to. */
export class Candidates {
  private readonly endpoints: ReadonlyMap<string, BalancedEndpoint>;
  private readonly clock: Clock;
  private readonly picker: Picker;
  /** Those that are not connected, and were not found to be out of reach. */
  private readonly unconnected = new Unconnected<BalancedEndpoint>();
  /** How many are being connected to for the first time. */
  connecting = 0;

  /** `endpoints` are those of the service, which the balancer keeps. */
  constructor(endpoints: ReadonlyMap<string, BalancedEndpoint>, clock: Clock, choice: Choice | undefined) {
    this.endpoints = endpoints;
    this.clock = clock;
    this.picker = makePicker(choice, clock);
  }

  /** Endpoints that have a connection. */
  get readyCount(): number {
    return this.picker.size;
  }

  /** Some may turn out to be there. */
  get mayBeReached(): boolean {
    return this.unconnected.size + this.connecting > 0;
  }

  /** Takes one that is new, and not connected. */
  add(endpoint: BalancedEndpoint): void {
    this.unconnected.add(endpoint);
  }

  onStateChanged(endpoint: BalancedEndpoint, before: EndpointState): void {
    const { state } = endpoint;
    if (before === 'unconnected') this.unconnected.remove(endpoint);
    else if (state === 'unconnected') this.unconnected.add(endpoint);
    if (before === 'connecting') this.connecting--;
    else if (state === 'connecting') this.connecting++;
    if (before === 'ready' || state === 'ready') this.rebalance();
  }

  /** Lets go of some that the balancer does not keep any more. */
  remove(endpoints: readonly BalancedEndpoint[]): void {
    for (const endpoint of endpoints) {
      if (endpoint.state === 'unconnected') this.unconnected.remove(endpoint);
      else if (endpoint.state === 'connecting') this.connecting--;
    }
    this.rebalance();
  }

  /** The one that is to have a try; undefined when it is to wait. */
  pick(attempt: Attempt, nowMs: number): BalancedEndpoint | undefined {
    return this.picker.pick(attempt, nowMs);
  }

  /** Has one connected to that is not yet, in the way that `attempt` needs. */
  connectOne(attempt: Attempt): void {
    this.picker.first(this.unconnected)?.connect(attempt);
  }

  /** As often as it would have been picked, one that is not connected to yet is. */
  connectAsPicked(attempt: Attempt): void {
    const { unconnected, picker } = this;
    if (unconnected.size === 0) return;
    const at = this.clock.random() * (unconnected.size + picker.size);
    const endpoint = at < unconnected.size ? unconnected.any(at / unconnected.size) : undefined;
    if (endpoint !== undefined && picker.wants(endpoint)) endpoint.connect(attempt);
  }

  /** All back off: whoever comes has the one tried that was left alone longest, unless that was just now. */
  redial(attempt: Attempt): boolean {
    let oldest: BalancedEndpoint | undefined;
    for (const endpoint of this.endpoints.values()) {
      if (oldest === undefined || endpoint.failedMs < oldest.failedMs) oldest = endpoint;
    }
    if (oldest === undefined || this.clock.nowMs() - oldest.failedMs < redialMs) return false;
    oldest.connect(attempt);
    return true;
  }

  private rebalance(): void {
    this.picker.replace([...this.endpoints.values()]);
  }
}
