import type { Classification } from './classify.ts';
import { LatencyHistogram } from './histogram.ts';
import { formatLabels, type Labels } from './labels.ts';

interface ResponseSeries {
  readonly labels: string;
  count: number;
}

/**
 * The request metrics of one label set (direction, target, TLS, destination). A stack keeps it with its endpoint, so
 * that recording is a few additions: no label is formatted and nothing is looked up by string on the way of a request.
 */
export class RequestMetrics {
  private readonly labels: string;
  /** What the names of the metrics begin with: nothing, or `route_`. */
  private readonly prefix: string;
  private requests = 0;
  private readonly responses = new Map<number | string, ResponseSeries>();
  private readonly latencies = new Map<number, LatencyHistogram>();
  private lastKey = -1;
  private lastSeries: ResponseSeries | undefined = undefined;
  private lastStatus = -1;
  private lastLatency: LatencyHistogram | undefined = undefined;
  /** When it was last used, in monotonic milliseconds: idle label sets that nobody holds are dropped. */
  usedMs: number;
  holders = 0;

  constructor(labels: Labels, nowMs: number, prefix = '') {
    this.labels = formatLabels(labels);
    this.prefix = prefix;
    this.usedMs = nowMs;
  }

  /** The holder will not record any more. */
  release(nowMs: number): void {
    this.holders--;
    this.usedMs = nowMs;
  }

  request(): void {
    this.requests++;
  }

  /**
   * A response has ended. `grpc` is its gRPC status, -1 for none; `error` the value of the `error` label;
   * `latencyMs` counts from the request's head to the response's end.
   */
  response(
    nowMs: number,
    status: number,
    classification: Classification,
    grpc: number,
    error: string | undefined,
    latencyMs: number,
  ): void {
    this.usedMs = nowMs;
    const key = (status * 128 + grpc + 1) * 2 + (classification === 'success' ? 1 : 0);
    if (key === this.lastKey && error === undefined) (this.lastSeries as ResponseSeries).count++;
    else {
      const series = this.series(key, status, classification, grpc, error);
      series.count++;
      if (error === undefined) {
        this.lastKey = key;
        this.lastSeries = series;
      }
    }
    if (status !== this.lastStatus) {
      let latency = this.latencies.get(status);
      if (latency === undefined) {
        latency = new LatencyHistogram();
        this.latencies.set(status, latency);
      }
      this.lastStatus = status;
      this.lastLatency = latency;
    }
    (this.lastLatency as LatencyHistogram).add(latencyMs);
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
    if (series === undefined) {
      const labels: Record<string, string> = { status_code: String(status), classification };
      if (grpc >= 0) labels.grpc_status = String(grpc);
      if (error !== undefined) labels.error = error;
      series = { labels: `${this.labels},${formatLabels(labels)}`, count: 0 };
      this.responses.set(mapKey, series);
    }
    return series;
  }

  writeRequests(into: string[]): void {
    into.push(`${this.prefix}request_total{${this.labels}} ${this.requests}\n`);
  }

  writeResponses(into: string[]): void {
    for (const { labels, count } of this.responses.values())
      into.push(`${this.prefix}response_total{${labels}} ${count}\n`);
  }

  writeLatencies(into: string[]): void {
    for (const [status, latency] of this.latencies) {
      latency.write(`${this.prefix}response_latency_ms`, `${this.labels},status_code="${status}"`, into);
    }
  }
}
