import type { Duration } from 'cdk8s';
import { zoneLoad } from '../contract/affinity.ts';
import { traceSampleRateAnnotation } from '../contract/annotations.ts';
import type { Affinity } from './affinity.ts';
import { annotationDuration, filled, milliseconds, refuse, whole } from './checks.ts';
import type { RetryOn } from './retry-on.ts';

export interface RouteRetries {
  /** What is tried again. */
  readonly on: RetryOn;

  /**
   * Tries beyond the first.
   *
   * @default 1
   */
  readonly limit?: number;

  /**
   * How long one try may take before another is made.
   *
   * @default - no limit
   */
  readonly timeout?: Duration;
}

export interface TrafficTimeouts {
  /**
   * Of a request with all of its tries, the response's body included.
   *
   * @default - no limit
   */
  readonly request?: Duration;

  /**
   * Until the response begins.
   *
   * @default - no limit
   */
  readonly response?: Duration;

  /**
   * While neither side sends anything.
   *
   * @default - no limit
   */
  readonly idle?: Duration;
}

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
  /** @default - nothing is tried again */
  readonly retries?: RouteRetries;
  /** @default - nobody is waited for less */
  readonly limits?: TrafficTimeouts;
  /** @default - one endpoint is asked */
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
  /** @default - every request goes where the load is least */
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
  const { retries, limits, hedging, traceSampleRate } = settings;
  return {
    ...(retries && retryAnnotations(retries, protocol)),
    ...(limits && limitAnnotations(limits)),
    ...(hedging && hedgeAnnotations(hedging)),
    ...traceAnnotations(traceSampleRate),
  };
}

/** The annotations of a Service that say it. Throws for what is wrong. */
export const serviceAnnotations = (settings: ServiceSettings): Record<string, string> => ({
  ...settingAnnotations(settings),
  ...settings.affinity?._annotations(),
  ...(settings.ownZone && zoneAnnotations(settings.ownZone)),
});

function retryAnnotations({ on, limit, timeout }: RouteRetries, protocol?: 'http' | 'grpc'): Record<string, string> {
  const conditions = on._annotations();
  const other = protocol === undefined ? undefined : `retry.linkerd.io/${protocol === 'http' ? 'grpc' : 'http'}`;
  if (other !== undefined && conditions[other] !== undefined) {
    const fix = protocol === 'http' ? 'RetryOn.serverError()' : "RetryOn.grpc('unavailable')";
    refuse('on', conditions[other], `must be what the calls of this route end with: ${fix}`);
  }
  whole('limit', limit, 1, 65_535);
  return texts({
    ...conditions,
    'retry.linkerd.io/limit': limit,
    'retry.linkerd.io/timeout': timeout && annotationDuration('timeout', timeout),
  });
}

const limitAnnotations = ({ request, response, idle }: TrafficTimeouts): Record<string, string> =>
  texts({
    'timeout.linkerd.io/request': request && annotationDuration('request', request),
    'timeout.linkerd.io/response': response && annotationDuration('response', response),
    'timeout.linkerd.io/idle': idle && annotationDuration('idle', idle),
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

const texts = (fields: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(filled(fields)).map(([name, value]) => [name, String(value)]));
