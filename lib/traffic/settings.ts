import type { Duration } from 'cdk8s';
import { zoneLoad } from '../contract/affinity.ts';
import { traceSampleRateAnnotation } from '../contract/annotations.ts';
import type { Affinity } from './affinity.ts';
import { annotationDuration, milliseconds, refuse, texts, whole } from './checks.ts';
import {
  checkTries,
  type RetryOptions,
  retryAnnotations,
  type TimeoutOptions,
  timeoutAnnotations,
} from './retries-and-timeouts.ts';

export interface RouteHedging {
  /** How long a request that may be done twice is silent before another endpoint is asked, from a millisecond to an hour. */
  readonly after: Duration;

  /**
   * How many others are asked, from 1 to 4.
   *
   * @default 1
   */
  readonly limit?: number;

  /**
   * Such tries for each request, above 0 and up to 1.
   *
   * @default 0.2
   */
  readonly budget?: number;
}

export interface OwnZone {
  /**
   * Requests in flight for each endpoint of the client's zone above which other zones help out, from 0.1 to 10,000.
   *
   * @default 2
   */
  readonly maxLoad?: number;
}

/** How requests are tried: of a route, or of all requests of a Service. */
export interface TrafficSettings {
  /**
   * Whether requests that fail are tried again, and which.
   *
   * @default - nothing is tried again
   */
  readonly retries?: RetryOptions;
  /**
   * How long they may take.
   *
   * @default - nobody is waited for less
   */
  readonly timeouts?: TimeoutOptions;
  /**
   * Whether another endpoint is asked where one does not answer soon.
   *
   * @default - one endpoint is asked
   */
  readonly hedging?: RouteHedging;
  /**
   * Of the requests about which nobody has decided whether they are traced, the share of which traces begin, from 0 to 1.
   *
   * @default - that of whoever sends them, see `Tracing`
   */
  readonly traceSampleRate?: number;
}

/** What holds for all requests of a Service, by whatever rule they come. */
export interface ServiceSettings extends TrafficSettings {
  /**
   * Which requests go to the same endpoint.
   *
   * @default - every request goes where the load is least
   */
  readonly affinity?: Affinity;
  /**
   * Endpoints of the client's zone come first.
   *
   * @default - zones do not matter
   */
  readonly ownZone?: OwnZone;
}

/** The annotations that say it. Throws for what is wrong, and for conditions of another protocol. */
export function settingAnnotations(settings: TrafficSettings, protocol?: 'http' | 'grpc'): Record<string, string> {
  const { retries, timeouts, hedging, traceSampleRate } = settings;
  const annotations = {
    ...(retries && retryAnnotations(retries, protocol)),
    ...(timeouts && timeoutAnnotations(timeouts)),
    ...(hedging && hedgeAnnotations(hedging)),
    ...traceAnnotations(traceSampleRate),
  };
  checkTries(new Map(Object.entries(annotations)));
  return annotations;
}

/** The annotations of a Service that say it. Throws for what is wrong. */
export const serviceAnnotations = (settings: ServiceSettings): Record<string, string> => ({
  ...settingAnnotations(settings),
  ...settings.affinity?._annotations(),
  ...(settings.ownZone && zoneAnnotations(settings.ownZone)),
});

function hedgeAnnotations({ after, limit, budget }: RouteHedging): Record<string, string> {
  milliseconds('after', after, 3_600_000);
  whole('limit', limit, 1, 4);
  if (budget !== undefined && !(budget >= 0.000001 && budget <= 1)) {
    refuse('budget', budget, 'must be above 0 and up to 1');
  }
  return texts({
    'hedge.tulle.dev/after': annotationDuration('after', after),
    'hedge.tulle.dev/limit': limit,
    'hedge.tulle.dev/budget': budget && decimal(budget),
  });
}

function traceAnnotations(rate: number | undefined): Record<string, string> {
  if (rate !== undefined && rate !== 0 && !(rate >= 0.000001 && rate <= 1)) {
    refuse('traceSampleRate', rate, 'must be from 0 to 1: 0.01 for one request of a hundred');
  }
  return texts({ [traceSampleRateAnnotation]: rate === undefined ? undefined : decimal(rate) });
}

function zoneAnnotations({ maxLoad }: OwnZone): Record<string, string> {
  if (maxLoad !== undefined && !(maxLoad >= zoneLoad.min && maxLoad <= zoneLoad.max)) {
    refuse('maxLoad', maxLoad, `must be a number from ${zoneLoad.min} to ${zoneLoad.max}`);
  }
  return texts({
    'balancer.tulle.dev/zones': 'prefer',
    'balancer.tulle.dev/zones-max-load': maxLoad && decimal(maxLoad),
  });
}

/** Numbers as annotations have them: without an exponent. */
const decimal = (value: number): string => String(Number(value.toFixed(6)));
