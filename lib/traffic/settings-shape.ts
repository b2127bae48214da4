import { duration, instance, needed, number, propsOf, type Shape } from '../props/form.ts';
import { Affinity } from './affinity.ts';
import type { RetryOptions, TimeoutOptions } from './retries-and-timeouts.ts';
import { RetryOn } from './retry-on.ts';
import type { OwnZone, RouteHedging, ServiceSettings, TrafficSettings } from './settings.ts';

export const retriesShape: Shape<RetryOptions> = { on: instance(() => RetryOn), limit: number, timeout: duration };
export const timeoutsShape: Shape<TimeoutOptions> = { request: duration, response: duration, idle: duration };
const hedging: Shape<RouteHedging> = {
  after: needed(duration),
  limit: number,
  budget: number,
};

/** What all routes and patterns may say of how requests are tried. */
export const settingsShape: Shape<TrafficSettings> = {
  retries: propsOf(retriesShape),
  timeouts: propsOf(timeoutsShape),
  hedging: propsOf(hedging),
  traceSampleRate: number,
};

const ownZone: Shape<OwnZone> = { maxLoad: number };

/** What holds for all requests of a Service. */
export const serviceSettingsShape: Shape<ServiceSettings> = {
  ...settingsShape,
  affinity: instance(() => Affinity),
  ownZone: propsOf(ownZone),
};
