import type { HedgeCounts } from '../backend/tries/hedge.ts';
import type { RetryCounts } from '../backend/tries/retries.ts';
import { BackendCounts, countRequest, type RouteCounts, type TryCounts } from '../exchange/counts.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ResourceLabels } from '../policy/labels.ts';
import type { OutboundRule, RuleBackend } from '../policy/outbound/model.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Count, CounterFamily, MetricsRegistry } from '../telemetry/registry.ts';
import type { Series } from '../telemetry/series.ts';
import { grpcStatusLabels, httpStatusLabels, type StatusLabels } from '../telemetry/status-counts.ts';
import { coarseSeconds, fineSeconds, type StreamFamilies, type StreamSeries } from '../telemetry/stream-metrics.ts';
import { hostnameOf, maxHostnames } from './hostnames.ts';

/** What policy calls a thing that connections and requests go to. */
export function targetLabelsOf(
  prefix: 'parent' | 'backend',
  { group, kind, namespace, name, port, section }: ResourceLabels,
): Labels {
  return {
    [`${prefix}_group`]: group,
    [`${prefix}_kind`]: kind,
    [`${prefix}_namespace`]: namespace,
    [`${prefix}_name`]: name,
    [`${prefix}_port`]: port === 0 ? '' : String(port),
    [`${prefix}_section_name`]: section,
  };
}

export function routeLabelsOf(parent: ResourceLabels, route: ResourceLabels): Labels {
  return {
    ...targetLabelsOf('parent', parent),
    route_group: route.group,
    route_kind: route.kind,
    route_namespace: route.namespace,
    route_name: route.name,
  };
}

type FamiliesOf<Counts> = { readonly [kind in keyof Counts]: CounterFamily };

/** The families of one protocol. */
interface Families {
  readonly requests: StreamFamilies;
  readonly backends: StreamFamilies;
  readonly retries: FamiliesOf<RetryCounts>;
  readonly hedges: FamiliesOf<HedgeCounts>;
}

function families(registry: MetricsRegistry, protocol: 'http' | 'grpc', statusLabels: StatusLabels): Families {
  const prefix = `outbound_${protocol}_route_`;
  const retry = (name: string, help: string): CounterFamily => registry.counter(`${prefix}retry_${name}_total`, help);
  const hedge = (name: string, help: string): CounterFamily => registry.counter(`${prefix}hedge_${name}_total`, help);
  return {
    requests: registry.streams({
      prefix,
      statusLabels,
      statuses: 'request_statuses_total',
      requestDuration: { name: 'request_duration_seconds', bounds: coarseSeconds },
      requestFrames: 'request_frame_size_bytes',
    }),
    backends: registry.streams({
      prefix: `${prefix}backend_`,
      statusLabels,
      requests: 'requests_total',
      statuses: 'response_statuses_total',
      responseDuration: { name: 'response_duration_seconds', bounds: fineSeconds },
      responseFrames: 'response_frame_size_bytes',
    }),
    retries: {
      request: retry('requests', 'Tries beyond the first of a request.'),
      success: retry('successes', 'Requests that were answered well after they were tried again.'),
      limitExceeded: retry('limit_exceeded', 'Requests that were not tried again since they had been so often.'),
      overflow: retry('overflow', 'Requests that were not tried again since too many were.'),
    },
    hedges: {
      request: hedge('requests', 'Tries that were made while another of the same request was not answered.'),
      win: hedge('wins', 'Those of them that the client was answered by.'),
      overflow: hedge('overflow', 'Those that were not made since too many were.'),
    },
  };
}

/**
 * What is counted of the routes of policy, as Linkerd's proxy does
 * (outbound/src/http/logical/policy/route/metrics.rs). Handles are made when policy changes.
 */
export class RouteMetrics {
  private readonly http: Families;
  private readonly grpc: Families;
  private readonly byHostname: boolean;

  /** `byHostname`: requests are told apart by the host that they name. */
  constructor(registry: MetricsRegistry, byHostname: boolean) {
    this.http = families(registry, 'http', httpStatusLabels);
    this.grpc = families(registry, 'grpc', grpcStatusLabels);
    this.byHostname = byHostname;
  }

  /** The handles for a rule of a route of `parent`. */
  rule(parent: ResourceLabels, rule: Pick<OutboundRule, 'labels' | 'isGrpc'>): RuleCounts {
    return new RuleCounts(parent, rule, rule.isGrpc ? this.grpc : this.http, this.byHostname);
  }
}

/** The handles of one rule, held until they are released. */
export class RuleCounts {
  readonly route: RouteCounts;
  readonly retries: RetryCounts;
  readonly hedges: HedgeCounts;
  private readonly labels: Labels;
  private readonly isGrpc: boolean;
  private readonly backends: StreamFamilies;
  private readonly held: Series[] = [];
  private isReleased = false;

  constructor(
    parent: ResourceLabels,
    { labels, isGrpc }: Pick<OutboundRule, 'labels' | 'isGrpc'>,
    { requests, backends, retries, hedges }: Families,
    byHostname: boolean,
  ) {
    this.labels = routeLabelsOf(parent, labels);
    this.isGrpc = isGrpc;
    this.backends = backends;
    this.retries = {
      request: this.counted(retries.request),
      success: this.counted(retries.success),
      limitExceeded: this.counted(retries.limitExceeded),
      overflow: this.counted(retries.overflow),
    };
    this.hedges = {
      request: this.counted(hedges.request),
      win: this.counted(hedges.win),
      overflow: this.counted(hedges.overflow),
    };
    const seriesOf = (hostname: string): StreamSeries => this.hold(requests.hold({ ...this.labels, hostname }));
    this.route = byHostname ? new HostnameCounts(seriesOf, isGrpc) : new PolicyRouteCounts(seriesOf(''), isGrpc);
  }

  backend({ labels }: Pick<RuleBackend, 'labels'>): TryCounts {
    const series = this.backends.hold({ ...this.labels, ...targetLabelsOf('backend', labels) });
    return new BackendCounts(this.hold(series), this.isGrpc);
  }

  /** Further tries are seldom: each kind has its handle once there is one. */
  private counted(family: CounterFamily): () => void {
    let count: Count | undefined;
    return () => {
      if (this.isReleased) family.add({ ...this.labels, hostname: '' });
      else {
        count ??= this.hold(family.count({ ...this.labels, hostname: '' }));
        count.value++;
      }
    };
  }

  /** What goes by the rule still is counted, in series that nobody holds. */
  release(nowMs: number): void {
    this.isReleased = true;
    for (const held of this.held.splice(0)) held.release(nowMs);
  }

  private hold<S extends Series>(series: S): S {
    if (this.isReleased) series.release(series.usedMs);
    else this.held.push(series);
    return series;
  }
}

/** Counts the requests of a rule. */
class PolicyRouteCounts implements RouteCounts {
  private readonly series: StreamSeries;
  private readonly isGrpc: boolean;

  constructor(series: StreamSeries, isGrpc: boolean) {
    this.series = series;
    this.isGrpc = isGrpc;
  }

  begun(): void {}

  sent(_exchange: Exchange, bytes: number): void {
    this.series.requestFrames.add(bytes);
  }

  over(exchange: Exchange, nowMs: () => number): void {
    countRequest(this.series, this.isGrpc, exchange, nowMs);
  }
}

/** The same by the host that each names: clients choose those, so there are only so many. */
class HostnameCounts implements RouteCounts {
  private readonly seriesOf: (hostname: string) => StreamSeries;
  private readonly isGrpc: boolean;
  private readonly byHostname = new Map<string, StreamSeries>();

  constructor(seriesOf: (hostname: string) => StreamSeries, isGrpc: boolean) {
    this.seriesOf = seriesOf;
    this.isGrpc = isGrpc;
  }

  begun(): void {}

  sent(exchange: Exchange, bytes: number): void {
    this.of(exchange).requestFrames.add(bytes);
  }

  over(exchange: Exchange, nowMs: () => number): void {
    countRequest(this.of(exchange), this.isGrpc, exchange, nowMs);
  }

  private of({ head }: Exchange): StreamSeries {
    const named = hostnameOf(head.authority);
    // Those beyond the limit are counted as those that name none.
    const hostname = this.byHostname.size < maxHostnames || this.byHostname.has(named) ? named : '';
    let series = this.byHostname.get(hostname);
    if (series === undefined) {
      series = this.seriesOf(hostname);
      this.byHostname.set(hostname, series);
    }
    return series;
  }
}
