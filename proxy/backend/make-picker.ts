import { ByName } from '../balance/by-name.ts';
import { Rendezvous } from '../balance/rendezvous.ts';
import type { Clock } from '../clock.ts';
import type { Affinity } from '../model/affinity.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';
import { KeyedPicker } from './keyed-picker.ts';
import { LoadPicker, type Picker } from './picker.ts';
import { ZonePicker } from './zone-picker.ts';

/** What endpoints of a service are chosen by besides their load. */
export interface Choice {
  /** Set where requests have keys. */
  readonly affinity: Affinity | undefined;
  /** Set where those of the own zone come first: see Overflow. */
  readonly zones: { readonly maxLoad: number } | undefined;
}

/** Who chooses as `choice` says; undefined: by load alone. A key stands before the zone. */
export function makePicker(choice: Choice | undefined, { random }: Pick<Clock, 'random'>): Picker {
  const { affinity, zones } = choice ?? {};
  const keyless = zones === undefined ? new LoadPicker(random) : new ZonePicker(zones.maxLoad, random);
  if (affinity === undefined) return keyless;
  const byKey = affinity.key.kind === 'session' ? new ByName<BalancedEndpoint>() : new Rendezvous<BalancedEndpoint>();
  return new KeyedPicker(keyless, byKey, affinity.maxLoad);
}
