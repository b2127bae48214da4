import { formatLabels, type Labels } from './labels.ts';
import { RequestMetrics } from './request-metrics.ts';

/** Label sets that are kept of each family: beyond it, one overflow series takes what comes. */
const maxLabelSets = 10_000;

/** What a connection has carried so far. */
export interface CountedConnection {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** The tcp_* metrics of one label set. */
export class TransportMetrics {
  readonly labels: string;
  opened = 0;
  readonly closes = new Map<string, number>();
  private readonly live = new Set<CountedConnection>();
  private closedReadBytes = 0;
  private closedWriteBytes = 0;

  constructor(labels: Labels) {
    this.labels = formatLabels(labels);
  }

  get open(): number {
    return this.live.size;
  }

  get readBytes(): number {
    let bytes = this.closedReadBytes;
    for (const connection of this.live) bytes += connection.bytesRead;
    return bytes;
  }

  get writeBytes(): number {
    let bytes = this.closedWriteBytes;
    for (const connection of this.live) bytes += connection.bytesWritten;
    return bytes;
  }

  connectionOpened(connection: CountedConnection): void {
    this.opened++;
    this.live.add(connection);
  }

  /** `errno` is empty for a clean close. */
  connectionClosed(connection: CountedConnection, errno: string): void {
    if (!this.live.delete(connection)) return;
    this.closedReadBytes += connection.bytesRead;
    this.closedWriteBytes += connection.bytesWritten;
    this.closes.set(errno, (this.closes.get(errno) ?? 0) + 1);
  }
}

/** One series of a counter, kept by who counts on the hot path. */
export interface Count {
  value: number;
}

/** A counter with labels. */
export class CounterFamily {
  readonly name: string;
  readonly help: string;
  private readonly series = new Map<string, Count>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  add(labels: Labels, count = 1): void {
    this.count(labels).value += count;
  }

  /** The series of these labels, to be counted up by whoever keeps it. */
  count(labels: Labels): Count {
    let key = formatLabels(labels);
    if (!this.series.has(key) && this.series.size >= maxLabelSets) key = 'overflow="true"';
    let count = this.series.get(key);
    if (count === undefined) {
      count = { value: 0 };
      this.series.set(key, count);
    }
    return count;
  }

  write(into: string[]): void {
    if (this.series.size === 0) return;
    into.push(`# HELP ${this.name} ${this.help}\n# TYPE ${this.name} counter\n`);
    for (const [labels, { value }] of this.series) into.push(`${this.name}{${labels}} ${value}\n`);
  }
}

/** Something that adds its own families to a scrape. */
export type Collector = (into: string[]) => void;

/**
 * All metrics of this proxy, under the names and labels of Linkerd's proxy. Hot-path metrics are handles that a stack
 * asks for once and keeps; `text` writes them in the Prometheus exposition format.
 */
export class MetricsRegistry {
  private readonly nowMs: () => number;
  private readonly retainIdleMs: number;
  private readonly requests = new Map<string, RequestMetrics>();
  private readonly routes = new Map<string, RequestMetrics>();
  private readonly transports = new Map<string, TransportMetrics>();
  private readonly counters: CounterFamily[] = [];
  private readonly collectors: Collector[] = [];

  /** `retainIdleMs`: how long request metrics that nobody holds stay. Default 10 minutes. */
  constructor(nowMs: () => number, retainIdleMs = 600_000) {
    this.nowMs = nowMs;
    this.retainIdleMs = retainIdleMs;
  }

  /** The caller holds the handle until it calls `release` on it. */
  requestMetrics(labels: Labels): RequestMetrics {
    const metrics = this.handle(this.requests, labels, (kept) => new RequestMetrics(kept, this.nowMs()));
    metrics.holders++;
    return metrics;
  }

  /** Like `requestMetrics`, for the requests of one route of a service profile: the metrics are called `route_*`. */
  routeMetrics(labels: Labels): RequestMetrics {
    const metrics = this.handle(this.routes, labels, (kept) => new RequestMetrics(kept, this.nowMs(), 'route_'));
    metrics.holders++;
    return metrics;
  }

  transportMetrics(labels: Labels): TransportMetrics {
    return this.handle(this.transports, labels, (kept) => new TransportMetrics(kept));
  }

  counter(name: string, help: string): CounterFamily {
    const family = new CounterFamily(name, help);
    this.counters.push(family);
    return family;
  }

  collect(collector: Collector): void {
    this.collectors.push(collector);
  }

  text(): string {
    this.dropIdle();
    const into: string[] = [];
    const family = (name: string, type: string, help: string, write: () => void): void => {
      into.push(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
      write();
    };
    const http = (prefix: string, of: string, handles: readonly RequestMetrics[]): void => {
      family(`${prefix}request_total`, 'counter', `Total count of HTTP requests${of}.`, () => {
        for (const metrics of handles) metrics.writeRequests(into);
      });
      family(`${prefix}response_total`, 'counter', `Total count of HTTP responses${of}.`, () => {
        for (const metrics of handles) metrics.writeResponses(into);
      });
      const latency = `Milliseconds from a request's head to its response's end${of}.`;
      family(`${prefix}response_latency_ms`, 'histogram', latency, () => {
        for (const metrics of handles) metrics.writeLatencies(into);
      });
    };
    http('', '', [...this.requests.values()]);
    if (this.routes.size > 0) http('route_', ' by route', [...this.routes.values()]);
    const transports = [...this.transports.values()];
    const tcp = (name: string, type: string, help: string, value: (metrics: TransportMetrics) => number): void =>
      family(name, type, help, () => {
        for (const metrics of transports) into.push(`${name}{${metrics.labels}} ${value(metrics)}\n`);
      });
    tcp('tcp_open_total', 'counter', 'Total count of opened connections.', (metrics) => metrics.opened);
    tcp('tcp_open_connections', 'gauge', 'Connections that are open now.', (metrics) => metrics.open);
    tcp('tcp_read_bytes_total', 'counter', 'Bytes read from the peer.', (metrics) => metrics.readBytes);
    tcp('tcp_write_bytes_total', 'counter', 'Bytes written to the peer.', (metrics) => metrics.writeBytes);
    family('tcp_close_total', 'counter', 'Total count of closed connections.', () => {
      for (const metrics of transports) {
        for (const [errno, count] of metrics.closes) {
          into.push(`tcp_close_total{${metrics.labels}${errno === '' ? '' : `,errno="${errno}"`}} ${count}\n`);
        }
      }
    });
    for (const counter of this.counters) counter.write(into);
    for (const collector of this.collectors) collector(into);
    return into.join('');
  }

  private handle<T>(handles: Map<string, T>, labels: Labels, make: (labels: Labels) => T): T {
    const key = formatLabels(labels);
    let handle = handles.get(key);
    if (handle !== undefined) return handle;
    if (handles.size >= maxLabelSets && labels.overflow === undefined)
      return this.handle(handles, { direction: labels.direction, overflow: 'true' }, make);
    handle = make(labels);
    handles.set(key, handle);
    return handle;
  }

  private dropIdle(): void {
    const oldest = this.nowMs() - this.retainIdleMs;
    for (const handles of [this.requests, this.routes]) {
      for (const [key, metrics] of handles) {
        if (metrics.holders === 0 && metrics.usedMs < oldest) handles.delete(key);
      }
    }
  }
}
