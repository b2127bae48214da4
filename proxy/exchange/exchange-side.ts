import type { Clock } from '../clock.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { ExchangeObserver } from './observers.ts';
import type { KeptBytes } from './request-body.ts';

/** What the exchanges of one side of the proxy share. */
export interface ExchangeSide {
  readonly clock: Clock;
  /** Where all waits of requests have their deadlines. */
  readonly deadlines: TimerWheel;
  /** Taken by each exchange at its start: observers come and go by another array. */
  observers: readonly ExchangeObserver[];
  readonly keptBytes: KeptBytes;
}
