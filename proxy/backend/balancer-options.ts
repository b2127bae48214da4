import type { LoadConfig } from '../balance/load.ts';
import type { Clock } from '../clock.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { Breaker } from '../resilience/breaker/breaker.ts';
import type { EjectionMetrics } from '../telemetry/ejection-metrics.ts';
import type { Log } from '../telemetry/log.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { Dialer } from '../upstream/endpoint.ts';
import type { Choice } from './make-picker.ts';

export interface BalancedEndpointOptions {
  clock: Clock;
  deadlines: TimerWheel;
  dialer: Dialer;
  /** HTTP/1 goes to peers that take it over HTTP/2, many requests on a connection. */
  http1OverHttp2: boolean;
  /** How long a request waits for a connection of an endpoint that is ready, in ms. */
  maxWaitMs: number;
  /** Makes the circuit breaker of an endpoint. Undefined, the default: none is ejected, whatever it answers. */
  breaker?: (() => Breaker) | undefined;
  /** How its load is measured. Default: by its round trips alone. */
  load?: LoadConfig | undefined;
}

export interface BalancerOptions extends Omit<BalancedEndpointOptions, 'maxWaitMs'> {
  clock: Clock;
  deadlines: TimerWheel;
  log: Log;
  /** The handle for requests at an endpoint. */
  requestMetrics(authority: string, info: EndpointInfo): RequestMetrics;
  /** How long a request or connection waits for an endpoint, and then for its connection, in ms. */
  failfastMs: number;
  /** How many may wait for an endpoint. */
  queueCapacity: number;
  /** So many endpoints that are ready stay, whatever they answer. Default 0: the last one is ejected, too. */
  minReadyEndpoints?: number | undefined;
  /** What endpoints are chosen by besides their load. Default: nothing. */
  choice?: Choice | undefined;
  /** Where ejections are counted; undefined when nowhere. */
  ejections?: EjectionMetrics | undefined;
}
