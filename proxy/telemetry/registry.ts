import { BalancerFamilies } from './balancer-metrics.ts';
import { CounterFamily, Gauge, type GaugeReading, HistogramFamily, header, sample } from './families.ts';
import type { Labels } from './labels.ts';
import { inPieces } from './pieces.ts';
import { RequestMetrics } from './request-metrics.ts';
import { type Retention, SeriesSet } from './series.ts';
import { StreamFamilies, type StreamShape } from './stream-metrics.ts';
import { TransportMetrics, transportLines } from './transport-metrics.ts';

export type { Count, CounterFamily } from './families.ts';
export type { TransportMetrics } from './transport-metrics.ts';

/** Something that adds its own families to a scrape. */
export type Collector = (into: string[]) => void;

/** How long what nobody uses is shown: as long as Linkerd's proxy shows it. */
const defaultRetainIdleMs = 600_000;

/**
 * All metrics of this proxy, under the names and labels of Linkerd's proxy. Hot-path metrics are handles that a stack
 * asks for once and keeps; `pieces` writes them in the Prometheus exposition format.
 *
 * Every series ends: once nobody holds it, and nothing has used it for the time of retention, it is dropped by the next
 * scrape; sooner when there are many, and then counted. What is held longer than it is needed is told for as long.
 */
export class MetricsRegistry {
  private readonly retention: Retention;
  private readonly requests: SeriesSet<RequestMetrics>;
  private readonly routes: SeriesSet<RequestMetrics>;
  private readonly routeTries: SeriesSet<RequestMetrics>;
  private readonly controls: SeriesSet<RequestMetrics>;
  private readonly transports: SeriesSet<TransportMetrics>;
  private readonly families: Family[] = [];
  /** Series that were dropped before their time, since there were too many. */
  private dropped = 0;
  private readonly collectors: Collector[] = [];

  /** `retainIdleMs`: how long series that nobody holds stay. Default 10 minutes. */
  constructor(nowMs: () => number, retainIdleMs = defaultRetainIdleMs) {
    this.retention = { nowMs, idleMs: retainIdleMs, onDropped: () => this.dropped++ };
    this.requests = new SeriesSet(this.retention, (labels, now) => new RequestMetrics(labels, now));
    this.routes = new SeriesSet(this.retention, (labels, now) => new RequestMetrics(labels, now, 'route_'));
    this.routeTries = new SeriesSet(this.retention, (labels, now) => new RequestMetrics(labels, now, 'route_actual_'));
    this.controls = new SeriesSet(this.retention, (labels, now) => new RequestMetrics(labels, now, 'control_'));
    this.transports = new SeriesSet(this.retention, (labels) => new TransportMetrics(labels, nowMs));
  }

  /** The caller holds the handle until it calls `release` on it. */
  requestMetrics(labels: Labels): RequestMetrics {
    return this.requests.hold(labels);
  }

  /** Like `requestMetrics`, for the requests of one route of a service profile: the metrics are called `route_*`. */
  routeMetrics(labels: Labels): RequestMetrics {
    return this.routes.hold(labels);
  }

  /** Like `routeMetrics`, for each of the tries at them: `route_actual_*`. */
  routeTryMetrics(labels: Labels): RequestMetrics {
    return this.routeTries.hold(labels);
  }

  /** Like `requestMetrics`, for the calls to one component of the control plane: `control_*`. */
  controlMetrics(labels: Labels): RequestMetrics {
    return this.controls.hold(labels);
  }

  /** The families of all streams of one kind. */
  streams(shape: StreamShape): StreamFamilies {
    return this.add(new StreamFamilies(shape, this.retention));
  }

  /**
   * For a connection that is opened now: open connections hold it. Who keeps it for further ones asks for another when
   * it is `dropped`.
   */
  transportMetrics(labels: Labels): TransportMetrics {
    return this.transports.get(labels);
  }

  counter(name: string, help: string): CounterFamily {
    return this.add(new CounterFamily(name, help, this.retention));
  }

  /** The families of all balancers: to be asked for once. */
  balancers(): BalancerFamilies {
    return this.add(new BalancerFamilies(this.retention));
  }

  /** `bounds` ascend; +Inf is added. */
  histogram(name: string, help: string, bounds: readonly number[]): HistogramFamily {
    return this.add(new HistogramFamily(name, help, bounds, this.retention));
  }

  /** `read` is asked by each scrape, for one number or for one of each label set. */
  gauge(name: string, help: string, read: () => GaugeReading): void {
    this.add(new Gauge(name, help, read));
  }

  collect(collector: Collector): void {
    this.collectors.push(collector);
  }

  /**
   * A scrape, in pieces of whole lines: who writes it lets others work between two of them. Exemplars are no part of
   * Prometheus' text format: they are for who writes another.
   */
  pieces(withExemplars = false): Generator<string, void> {
    return inPieces(this.lines(withExemplars));
  }

  private *lines(withExemplars: boolean): Iterable<string> {
    this.requests.dropIdle();
    this.routes.dropIdle();
    this.routeTries.dropIdle();
    yield* requestLines('', '', this.requests, withExemplars);
    if (this.routes.size > 0) yield* requestLines('route_', ' by route', this.routes, withExemplars);
    if (this.routeTries.size > 0)
      yield* requestLines('route_actual_', ' by route, each try by itself', this.routeTries, withExemplars);
    if (this.controls.size > 0) yield* requestLines('control_', ' to the control plane', this.controls, withExemplars);
    yield* transportLines(this.transports);
    for (const family of this.families) yield* family.lines(withExemplars);
    const dropped = 'proxy_metrics_series_dropped_total';
    yield header(dropped, 'counter', 'Idle series that were dropped early, since there were too many.');
    yield sample(dropped, '', this.dropped);
    for (const collector of this.collectors) {
      const lines: string[] = [];
      collector(lines);
      yield* lines;
    }
  }

  private add<F extends Family>(family: F): F {
    this.families.push(family);
    return family;
  }
}

interface Family {
  lines(withExemplars: boolean): Iterable<string>;
}

function* requestLines(
  prefix: string,
  of: string,
  requests: SeriesSet<RequestMetrics>,
  withExemplars: boolean,
): Iterable<string> {
  yield header(`${prefix}request_total`, 'counter', `Total count of HTTP requests${of}.`);
  for (const metrics of requests.values()) yield metrics.requestLines();
  yield header(`${prefix}response_total`, 'counter', `Total count of HTTP responses${of}.`);
  for (const metrics of requests.values()) yield metrics.responseLines();
  const latency = `Milliseconds from a request's head to the first bytes behind its response's head${of}.`;
  yield header(`${prefix}response_latency_ms`, 'histogram', latency);
  for (const metrics of requests.values()) yield* metrics.latencyLines(withExemplars);
}
