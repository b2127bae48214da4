import { duration, instance, needed, number, propsOf, type Shape } from '../props/form.ts';
import type { RetryOptions, TimeoutOptions } from './retries-and-timeouts.ts';
import { RetryOn } from './retry-on.ts';
import type { RouteHedging, TrafficSettings } from './settings.ts';

const retries: Shape<RetryOptions> = { on: instance(() => RetryOn), limit: number, timeout: duration };
const timeouts: Shape<TimeoutOptions> = { request: duration, response: duration, idle: duration };
const hedging: Shape<RouteHedging> = {
  after: needed(duration),
  limit: number,
  budget: number,
};

/** What all routes and patterns may say of how requests are tried. */
export const settingsShape: Shape<TrafficSettings> = {
  retries: propsOf(retries),
  timeouts: propsOf(timeouts),
  hedging: propsOf(hedging),
  traceSampleRate: number,
};
