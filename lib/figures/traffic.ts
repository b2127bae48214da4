import { grpcServerFailures, grpcStatuses } from '../contract/grpc-statuses.ts';
import type { Sample } from './exposition.ts';

/** What came in to a workload within a window, or went out of it. */
export interface Traffic {
  readonly successes: number;
  readonly failures: number;
  /** Of the failures, those of calls that took too long; of what is called, by route. */
  readonly timeouts: number;
  /** Calls that were sent once more; of what is called, by route. */
  readonly retries: number;
  /** Responses in a second. */
  readonly rps: number;
  /** Requests, and connections of what is no HTTP, that policy refused in a second; they are no responses. */
  readonly deniedPerSecond: number;
  /** Requests by upper bound in milliseconds, cumulative, as a Prometheus histogram has them. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly openConnections: number;
  /** Connections that were opened in a second, as routes of connections count them. */
  readonly openedPerSecond: number;
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
}

export const noTraffic: Traffic = {
  successes: 0,
  failures: 0,
  timeouts: 0,
  retries: 0,
  rps: 0,
  deniedPerSecond: 0,
  buckets: new Map(),
  openConnections: 0,
  openedPerSecond: 0,
  readBytesPerSecond: 0,
  writeBytesPerSecond: 0,
};

/** The metrics that traffic is made of. */
export const trafficMetrics = [
  'response_total',
  'response_latency_ms_bucket',
  'tcp_open_connections',
  'tcp_read_bytes_total',
  'tcp_write_bytes_total',
] as const;

/** What policy refused, by the Server and route that it came to. */
export const deniedMetrics = ['inbound_http_authz_deny_total', 'inbound_tcp_authz_deny_total'] as const;

const ofRoutes = (protocols: readonly string[], metrics: readonly string[]): readonly string[] =>
  protocols.flatMap((protocol) => metrics.map((metric) => `outbound_${protocol}_route_${metric}`));

/** What outbound routes of requests are counted by, each whole. */
export const wholeRouteMetrics = ofRoutes(
  ['http', 'grpc'],
  ['request_statuses_total', 'request_duration_seconds_bucket', 'retry_requests_total'],
);

/** The same, and by backend. */
export const outboundRouteMetrics: readonly string[] = [
  ...wholeRouteMetrics,
  ...ofRoutes(['http', 'grpc'], ['backend_response_statuses_total', 'backend_response_duration_seconds_bucket']),
];

/** What outbound routes of connections are counted by. */
export const connectionRouteMetrics = ofRoutes(['tcp', 'tls'], ['open_total', 'close_total']);

const timeoutErrors: ReadonlySet<string | undefined> = new Set([
  ...['REQUEST_TIMEOUT', 'RESPONSE_HEADERS_TIMEOUT', 'RESPONSE_STREAM_TIMEOUT', 'IDLE_TIMEOUT'],
]);
const grpcFailures: ReadonlySet<string | undefined> = new Set(
  [...grpcServerFailures].map((status) => grpcStatuses[status]),
);

/** As `classification` is: an error of the sidecar, a 5xx, or a status of gRPC that is the server's failure. */
const isFailure = ({ error, http_status, grpc_status }: Sample['labels']): boolean =>
  (error !== undefined && error !== '') || Number(http_status) >= 500 || grpcFailures.has(grpc_status);

/** What one sidecar counted for one row, summed up as its series come. */
export class Counted {
  requests = 0;
  connections = 0;
  private denied = 0;
  private timeouts = 0;
  private retries = 0;
  private successes = 0;
  private failures = 0;
  private openConnections = 0;
  private readBytes = 0;
  private writeBytes = 0;
  private readonly buckets = new Map<number, number>();

  /**
   * `count` is the increase of a counter, or what a gauge is now. Of routes (`route_*`) and their tries (`route_actual_*`)
   * the same is counted as of workloads, and of outbound routes by their own families; metrics that it does not know are passed over.
   */
  add(name: string, labels: Sample['labels'], count: number): void {
    if (name.startsWith('outbound_')) {
      this.addOutbound(name, labels, count);
      return;
    }
    const metric = name.replace(/^route_(?:actual_)?/, '');
    if (metric === 'response_total') {
      if (labels.classification === 'success') this.successes += count;
      else this.failures += count;
    } else if (metric === 'response_latency_ms_bucket') {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      this.buckets.set(bound, (this.buckets.get(bound) ?? 0) + count);
    } else if (metric === 'request_total') this.requests += count;
    else if (deniedMetrics.some((denied) => denied === metric)) this.denied += count;
    else if (metric === 'tcp_open_total') this.connections += count;
    else if (metric === 'tcp_open_connections') this.openConnections += count;
    else if (metric === 'tcp_read_bytes_total') this.readBytes += count;
    else if (metric === 'tcp_write_bytes_total') this.writeBytes += count;
  }

  /**
   * The same of a family of outbound routes, whose statuses are told and whose bounds are in seconds. Of connections those
   * that have ended are successes, or failures with an error.
   */
  private addOutbound(name: string, labels: Sample['labels'], count: number): void {
    if (name.endsWith('_retry_requests_total')) this.retries += count;
    else if (name.endsWith('_open_total')) this.connections += count;
    else if (name.endsWith('_statuses_total') || name.endsWith('_close_total')) {
      if (isFailure(labels)) this.failures += count;
      else this.successes += count;
      if (timeoutErrors.has(labels.error)) this.timeouts += count;
    } else {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le) * 1000;
      this.buckets.set(bound, (this.buckets.get(bound) ?? 0) + count);
    }
  }

  /** Over a window; without one there are no rates, and what is told of each second is 0. */
  traffic(windowMs = Number.POSITIVE_INFINITY): Traffic {
    const perSecond = (count: number): number => (count * 1000) / windowMs;
    const { successes, failures, timeouts, retries, buckets, openConnections } = this;
    return {
      ...{ successes, failures, timeouts, retries, buckets, openConnections },
      rps: perSecond(successes + failures),
      deniedPerSecond: perSecond(this.denied),
      openedPerSecond: perSecond(this.connections),
      readBytesPerSecond: perSecond(this.readBytes),
      writeBytesPerSecond: perSecond(this.writeBytes),
    };
  }
}

export function sumTraffic(all: readonly Traffic[]): Traffic {
  return all.reduce((sum, one) => {
    const buckets = new Map(sum.buckets);
    for (const [bound, count] of one.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + count);
    return {
      successes: sum.successes + one.successes,
      failures: sum.failures + one.failures,
      timeouts: sum.timeouts + one.timeouts,
      retries: sum.retries + one.retries,
      rps: sum.rps + one.rps,
      deniedPerSecond: sum.deniedPerSecond + one.deniedPerSecond,
      buckets,
      openConnections: sum.openConnections + one.openConnections,
      openedPerSecond: sum.openedPerSecond + one.openedPerSecond,
      readBytesPerSecond: sum.readBytesPerSecond + one.readBytesPerSecond,
      writeBytesPerSecond: sum.writeBytesPerSecond + one.writeBytesPerSecond,
    };
  }, noTraffic);
}
