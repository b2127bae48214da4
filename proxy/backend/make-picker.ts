import type { Clock } from '../clock.ts';
import { KeyedPicker } from './keyed-picker.ts';
import { LoadPicker, type Picker } from './picker.ts';
import { ZonePicker } from './zone-picker.ts';

/** What endpoints of a service are chosen by besides their load. */
export interface Choice {
  /** Set where requests have keys: see Affinity. */
  readonly affinity: { readonly maxLoad: number | undefined } | undefined;
  /** Set where those of the own zone come first: see Overflow. */
  readonly zones: { readonly maxLoad: number } | undefined;
}

/** Who chooses as `choice` says; undefined: by load alone. A key stands before the zone. */
export function makePicker(choice: Choice | undefined, { random }: Pick<Clock, 'random'>): Picker {
  const { affinity, zones } = choice ?? {};
  const keyless = zones === undefined ? new LoadPicker(random) : new ZonePicker(zones.maxLoad, random);
  return affinity === undefined ? keyless : new KeyedPicker(keyless, affinity.maxLoad);
}
