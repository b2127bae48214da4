import { Overflow } from '../balance/overflow.ts';
import { P2c } from '../balance/p2c.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import type { Picker } from './picker.ts';
import type { Unconnected } from './unconnected.ts';

/**
 * Whether discovery says that an endpoint is in the zone of this proxy. Where it does not know one of the two, none is:
 * all are alike then.
 */
const isNear = ({ endpoint: { info } }: BalancedEndpoint): boolean => info.labels.zone_locality === 'local';

/**
 * Prefers the endpoints of the own zone. Those of others help out when it has none that is ready, as many as it takes when
 * its load is too high, and with a request that the only one of the zone has failed. Those that do not help are not
 * connected to.
 */
export class ZonePicker implements Picker {
  private readonly overflow: Overflow;
  private readonly random: () => number;
  /** By chance for each proxy: otherwise the overflow of all would go to the same endpoint. */
  private readonly turn: number;
  private near: readonly BalancedEndpoint[] = [];
  private far: readonly BalancedEndpoint[] = [];
  /** All of other zones, those that are not ready among them. */
  private allFar = 0;
  private helping = 0;
  private readonly inUse: P2c<BalancedEndpoint>;
  private readonly others: P2c<BalancedEndpoint>;

  /** `maxLoad`: see Overflow. `random` gives numbers in [0, 1). */
  constructor(maxLoad: number, random: () => number) {
    this.overflow = new Overflow(maxLoad);
    this.random = random;
    this.turn = random();
    this.inUse = new P2c(random);
    this.others = new P2c(random);
  }

  get size(): number {
    return this.near.length + this.far.length;
  }

  replace(endpoints: readonly BalancedEndpoint[]): void {
    const ready = endpoints.filter(({ state }) => state === 'ready');
    this.near = ready.filter(isNear);
    this.allFar = endpoints.reduce((count, endpoint) => (isNear(endpoint) ? count : count + 1), 0);
    const far = ready.filter((endpoint) => !isNear(endpoint));
    const from = Math.floor(this.turn * far.length);
    this.far = [...far.slice(from), ...far.slice(0, from)];
    this.use();
  }

  pick(attempt: Attempt, nowMs: number): BalancedEndpoint | undefined {
    if (this.overflow.isDue(nowMs)) this.look(nowMs);
    const picked = this.inUse.pick(nowMs, attempt.avoid);
    if (picked === undefined || picked !== attempt.avoid) return picked;
    return this.others.pick(nowMs) ?? picked;
  }

  first(unconnected: Unconnected<BalancedEndpoint>): BalancedEndpoint | undefined {
    const chance = this.random();
    return unconnected.anyOf(isNear, chance) ?? unconnected.any(chance);
  }

  wants(endpoint: BalancedEndpoint): boolean {
    return isNear(endpoint) || this.near.length === 0 || this.helping > this.far.length;
  }

  private look(nowMs: number): void {
    const helping = this.overflow.look(
      nowMs,
      inFlightAt(this.near) + inFlightAt(this.far),
      this.near.length,
      this.allFar,
    );
    if (helping === this.helping) return;
    this.helping = helping;
    this.use();
  }

  private use(): void {
    const { near, far, helping } = this;
    const used = near.length === 0 ? far.length : Math.min(helping, far.length);
    this.inUse.replace([...near, ...far.slice(0, used)]);
    this.others.replace(far.slice(used));
  }
}

function inFlightAt(endpoints: readonly BalancedEndpoint[]): number {
  let inFlight = 0;
  for (let i = 0; i < endpoints.length; i++) inFlight += endpoints[i].ewma.inFlight;
  return inFlight;
}
