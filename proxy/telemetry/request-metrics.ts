import { type Classification, clientCancelled } from './classify.ts';
import type { ExemplarSource } from './exemplars.ts';
import { LatencyHistogram } from './histogram.ts';
import { formatLabels, type Labels } from './labels.ts';
import { Series } from './series.ts';

interface ResponseSeries {
  readonly labels: string;
  count: number;
}

/** Of one label set: servers choose the status codes, and each kind of response is a series in every scrape. */
const maxKinds = 200;

/**
 * The request metrics of one label set (direction, target, TLS, destination). A stack keeps it with its endpoint, so
 * that recording is a few additions: no label is formatted and nothing is looked up by string on the way of a request.
 */
export class RequestMetrics extends Series {
  /** What the names of the metrics begin with: nothing, or `route_`. */
  private readonly prefix: string;
  private requests = 0;
  private readonly responses = new Map<number | string, ResponseSeries>();
  private readonly latencies = new Map<number, LatencyHistogram>();
  private lastKey = -1;
  private lastSeries: ResponseSeries | undefined = undefined;
  private lastStatus = -1;
  private lastLatency: LatencyHistogram | undefined = undefined;

  constructor(labels: Labels, nowMs: number, prefix = '') {
    super(labels, nowMs);
    this.prefix = prefix;
  }

  request(): void {
    this.requests++;
  }

  /**
   * A response is over, or will not come. What is counted is what Linkerd's proxy counts
   * (linkerd/http/metrics/src/requests/service.rs):
   *
   * - `status` is 0 when no head came: then there is no `status_code` and no latency, and nothing at all when it was the
   *   client that gave up.
   * - `classification` is what `classify` says, with the same `error`.
   * - `grpc` is the gRPC status, -1 for none.
   * - `error` is the value of the `error` label; `clientCancelled` is none, the response counts as far as it came.
   * - `latencyMs` counts from the request's head to what came first behind the response's head (bytes, trailers or its
   *   end), and to the end for one that was cut off before.
   * - `trace` is of the trace that the request is part of, if any is known.
   */
  response(
    nowMs: number,
    status: number,
    classification: Classification,
    grpc: number,
    error: string | undefined,
    latencyMs: number,
    trace?: ExemplarSource,
  ): void {
    this.usedMs = nowMs;
    const cancelled = error === clientCancelled;
    if (status === 0 && cancelled) return;
    const key = (status * 128 + grpc + 1) * 2 + (classification === 'success' ? 1 : 0);
    const isPlain = error === undefined || cancelled;
    if (isPlain && key === this.lastKey) (this.lastSeries as ResponseSeries).count++;
    else {
      const series = this.series(key, status, classification, grpc, isPlain ? undefined : error);
      series.count++;
      if (isPlain) {
        this.lastKey = key;
        this.lastSeries = series;
      }
    }
    if (status === 0) return;
    const latency = this.latency(status);
    const bucket = latency.add(latencyMs);
    if (trace !== undefined) trace.exemplify(latency, bucket, latencyMs, nowMs);
  }

  private latency(status: number): LatencyHistogram {
    if (status === this.lastStatus) return this.lastLatency as LatencyHistogram;
    // The status codes that are left over share one.
    const key = this.latencies.size < maxKinds || this.latencies.has(status) ? status : 0;
    let latency = this.latencies.get(key);
    if (latency === undefined) {
      latency = new LatencyHistogram();
      this.latencies.set(key, latency);
    }
    this.lastStatus = status;
    this.lastLatency = latency;
    return latency;
  }

  private series(
    key: number,
    status: number,
    classification: Classification,
    grpc: number,
    error: string | undefined,
  ): ResponseSeries {
    const mapKey = error === undefined ? key : `${key} ${error}`;
    let series = this.responses.get(mapKey);
    if (series !== undefined) return series;
    const isFull = this.responses.size >= maxKinds;
    if (isFull) series = this.responses.get(classification);
    if (series === undefined) {
      const labels: Record<string, string> = {};
      if (isFull) labels['overflow'] = 'true';
      else if (status !== 0) labels['status_code'] = String(status);
      labels['classification'] = classification;
      if (!isFull && grpc >= 0) labels['grpc_status'] = String(grpc);
      if (!isFull && error !== undefined) labels['error'] = error;
      series = { labels: `${this.labels},${formatLabels(labels)}`, count: 0 };
      this.responses.set(isFull ? classification : mapKey, series);
    }
    return series;
  }

  requestLines(): string {
    return `${this.prefix}request_total{${this.labels}} ${this.requests}\n`;
  }

  responseLines(): string {
    let lines = '';
    for (const { labels, count } of this.responses.values()) {
      lines += `${this.prefix}response_total{${labels}} ${count}\n`;
    }
    return lines;
  }

  *latencyLines(withExemplars: boolean): Iterable<string> {
    for (const [status, latency] of this.latencies) {
      const kind = status === 0 ? 'overflow="true"' : `status_code="${status}"`;
      yield latency.lines(`${this.prefix}response_latency_ms`, `${this.labels},${kind}`, withExemplars);
    }
  }
}
