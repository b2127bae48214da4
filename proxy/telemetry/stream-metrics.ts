import { header, sample } from './families.ts';
import { Buckets } from './histogram.ts';
import type { Labels } from './labels.ts';
import { type Retention, Series, SeriesSet } from './series.ts';
import { StatusCounts, type StatusLabels } from './status-counts.ts';

/** Upper bounds as Linkerd's proxy has them (outbound/src/http/logical/policy/route/metrics.rs), in seconds. */
export const coarseSeconds: readonly number[] = [0.05, 0.5, 1, 10];
export const fineSeconds: readonly number[] = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 10];
/** Of a piece of a body, in bytes (linkerd/http/prom/src/body_data/metrics.rs). */
const frameBytes: readonly number[] = [128, 1024, 10_240];

/** What is shown of the streams of one kind, by the names of the families behind their prefix. */
export interface StreamShape {
  /** All names begin with it: `outbound_http_route_`. */
  readonly prefix: string;
  readonly statusLabels: StatusLabels;
  readonly statuses: string;
  readonly requests?: string;
  readonly requestDuration?: { readonly name: string; readonly bounds: readonly number[] };
  readonly responseDuration?: { readonly name: string; readonly bounds: readonly number[] };
  readonly requestFrames?: string;
  readonly responseFrames?: string;
}

/** What is counted of the streams of one label set. On the hot path: nothing is allocated or looked up by a string. */
export class StreamSeries extends Series {
  requests = 0;
  readonly statuses: StatusCounts;
  /** From the request's head to the response's end, in seconds. */
  readonly requestDuration: Buckets;
  /** From the request's end to the response's, in seconds. */
  readonly responseDuration: Buckets;
  /** Pieces of bodies as they came, in bytes. */
  readonly requestFrames = new Buckets(frameBytes);
  readonly responseFrames = new Buckets(frameBytes);

  constructor(labels: Labels, nowMs: number, { statusLabels, requestDuration, responseDuration }: StreamShape) {
    super(labels, nowMs);
    this.statuses = new StatusCounts(this.labels, statusLabels);
    this.requestDuration = new Buckets(requestDuration?.bounds ?? []);
    this.responseDuration = new Buckets(responseDuration?.bounds ?? []);
  }

  /** A route is named by policy long before, and whether or not, it has any requests. */
  get isUsed(): boolean {
    return this.requests > 0 || this.statuses.isUsed;
  }
}

/** The families of the streams of one kind. */
export class StreamFamilies {
  private readonly shape: StreamShape;
  private readonly series: SeriesSet<StreamSeries>;

  constructor(shape: StreamShape, retention: Retention) {
    this.shape = shape;
    this.series = new SeriesSet(retention, (labels, nowMs) => new StreamSeries(labels, nowMs, shape));
  }

  /** The series of these labels, for the caller to count by until it releases it. */
  hold(labels: Labels): StreamSeries {
    return this.series.hold(labels);
  }

  *lines(withExemplars: boolean): Iterable<string> {
    this.series.dropIdle();
    const used = this.series.values().filter(({ isUsed }) => isUsed);
    if (used.length === 0) return;
    const { requests, statuses, requestDuration, responseDuration, requestFrames, responseFrames } = this.shape;
    if (requests !== undefined) {
      const name = this.nameOf(requests);
      yield header(name, 'counter', 'Requests that were sent on.');
      for (const series of used) yield sample(name, series.labels, series.requests);
    }
    const fromHead = 'Seconds from the head of a request to the end of its response.';
    yield* this.histogram(requestDuration?.name, fromHead, used, (series) => series.requestDuration, withExemplars);
    const fromEnd = 'Seconds from the end of a request to the end of its response.';
    yield* this.histogram(responseDuration?.name, fromEnd, used, (series) => series.responseDuration, withExemplars);
    yield header(this.nameOf(statuses), 'counter', 'Responses, and requests that had none, by what ended them.');
    for (const series of used) yield series.statuses.lines(this.nameOf(statuses));
    const frames = (of: string): string => `Bytes of the pieces in which the bodies of ${of} came.`;
    yield* this.histogram(requestFrames, frames('requests'), used, (series) => series.requestFrames, false);
    yield* this.histogram(responseFrames, frames('responses'), used, (series) => series.responseFrames, false);
  }

  private *histogram(
    name: string | undefined,
    help: string,
    used: readonly StreamSeries[],
    bucketsOf: (series: StreamSeries) => Buckets,
    withExemplars: boolean,
  ): Iterable<string> {
    if (name === undefined) return;
    yield header(this.nameOf(name), 'histogram', help);
    for (const series of used) yield bucketsOf(series).lines(this.nameOf(name), series.labels, withExemplars);
  }

  private nameOf(name: string): string {
    return `${this.shape.prefix}${name}`;
  }
}
