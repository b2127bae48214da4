import { ClassifiedRequests, countRequest, exemplified, type RouteCounts, type TryCounts } from '../exchange/counts.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import { defaultLabels } from '../policy/labels.ts';
import type { ShownPort } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';
import type { RequestMetrics } from '../telemetry/request-metrics.ts';
import { plainGrpcStatusLabels, plainStatusLabels, type StatusLabels } from '../telemetry/status-counts.ts';
import { coarseSeconds, fineSeconds, type StreamFamilies, type StreamSeries } from '../telemetry/stream-metrics.ts';

/** Of a server whose authorizations hold for all of its requests. */
const noRoute = defaultLabels('default');

/** What is counted of the requests that come in, by server and route, as Linkerd's proxy does (inbound/src/http/router). */
export class InboundStreams {
  private readonly http: StreamFamilies;
  private readonly grpc: StreamFamilies;

  constructor(registry: MetricsRegistry) {
    const families = (protocol: string, statusLabels: StatusLabels): StreamFamilies =>
      registry.streams({
        prefix: `inbound_${protocol}_`,
        statusLabels,
        requests: 'requests_total',
        statuses: 'statuses_total',
        requestDuration: { name: 'request_duration_seconds', bounds: fineSeconds },
        responseDuration: { name: 'response_duration_seconds', bounds: coarseSeconds },
        requestFrames: 'request_frame_size_bytes',
        responseFrames: 'response_frame_size_bytes',
      });
    this.http = families('http', plainStatusLabels);
    this.grpc = families('grpc', plainGrpcStatusLabels);
  }

  /** The caller holds the handle until it releases it. */
  hold({ labels, isGrpc }: ServerPolicy, port: ShownPort, route: RoutePolicy | undefined): StreamSeries {
    return (isGrpc ? this.grpc : this.http).hold(labelsOf(labels, port, route?.labels ?? noRoute));
  }
}

function labelsOf(server: ServerPolicy['labels'], port: ShownPort, route: ServerPolicy['labels']): Labels {
  return {
    parent_group: server.group,
    parent_kind: server.kind,
    parent_name: server.name,
    parent_port: String(port),
    route_group: route.group,
    route_kind: route.kind,
    route_name: route.name,
  };
}

/** Counts the requests of one route: by what is known of their client, and together. */
export class InboundRouteCounts implements RouteCounts {
  private readonly classified: ClassifiedRequests;
  private readonly requests: RequestMetrics;
  private readonly series: StreamSeries;
  private readonly isGrpc: boolean;
  /** What is counted of its responses as they come. */
  readonly responses: TryCounts;

  constructor(requests: RequestMetrics, series: StreamSeries, isGrpc: boolean) {
    this.classified = new ClassifiedRequests(requests);
    this.requests = requests;
    this.series = series;
    this.isGrpc = isGrpc;
    this.responses = new ResponsePieces(series);
  }

  begun(): void {
    this.classified.begun();
    this.series.requests++;
  }

  sent(_exchange: Exchange, bytes: number): void {
    this.series.requestFrames.add(bytes);
  }

  over(exchange: Exchange, nowMs: () => number): void {
    const { series } = this;
    this.classified.over(exchange, nowMs);
    const endMs = countRequest(series, this.isGrpc, exchange, nowMs);
    const { requestEndMs } = exchange;
    exemplified(exchange, series.responseDuration, requestEndMs < 0 ? 0 : (endMs - requestEndMs) / 1000, endMs);
  }

  release(nowMs: number): void {
    this.requests.release(nowMs);
    this.series.release(nowMs);
  }
}

class ResponsePieces implements TryCounts {
  private readonly series: StreamSeries;

  constructor(series: StreamSeries) {
    this.series = series;
  }

  begun(): void {}

  received(bytes: number): void {
    this.series.responseFrames.add(bytes);
  }

  over(): void {}
}
