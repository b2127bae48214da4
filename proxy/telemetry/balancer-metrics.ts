import { header, sample } from './families.ts';
import { Buckets } from './histogram.ts';
import type { Labels } from './labels.ts';
import { type Retention, Series, SeriesSet } from './series.ts';

/** What discovery has done to the endpoints of a balancer: Linkerd's words (proxy/balance/src/pool/p2c.rs). */
export const updateKinds = ['Add', 'Remove', 'Reset', 'DoesNotExist'] as const;
export type UpdateKind = (typeof updateKinds)[number];

/** What a balancer has now. */
export interface MeasuredBalancer {
  readonly readyCount: number;
  readonly endpointCount: number;
  /** Requests, and opaque connections, that wait for an endpoint. */
  readonly queuedRequests: number;
  readonly queuedConnections: number;
}

/** In seconds (proxy/balance/queue/src/lib.rs). */
const waitedSeconds: readonly number[] = [0.0005, 0.005, 0.05, 0.5, 1, 3];

/** What waited in a queue. */
export class QueueCounts {
  entered = 0;
  readonly waited = new Buckets(waitedSeconds);

  left(waitedMs: number): void {
    this.waited.add(waitedMs / 1000);
  }
}

/** The balancers of one label set: each time that a target is called by another name it has another. */
export class BalancerSeries extends Series {
  readonly members = new Set<MeasuredBalancer>();
  readonly updates: Record<UpdateKind, number> = { Add: 0, Remove: 0, Reset: 0, DoesNotExist: 0 };
  readonly requests = new QueueCounts();
  readonly connections = new QueueCounts();
  /** Opaque connections that were asked for. */
  connects = 0;
  /** How often it began to fail what came at once, and to take it again. */
  shut = 0;
  opened = 0;
  /** When it last did, in seconds since the epoch; 0 while the other holds. */
  shutSeconds = 0;
  openSeconds = 0;
  /** How long something waits before it does. */
  timeoutSeconds = 0;

  override get inUse(): boolean {
    return this.members.size > 0;
  }

  join(member: MeasuredBalancer, wallMs: number, timeoutMs: number): void {
    if (this.opened === 0) this.gateOpened(wallMs);
    this.timeoutSeconds = timeoutMs / 1000;
    this.members.add(member);
  }

  leave(member: MeasuredBalancer, nowMs: number): void {
    this.members.delete(member);
    this.usedMs = nowMs;
  }

  gateShut(wallMs: number): void {
    this.shut++;
    this.shutSeconds = wallMs / 1000;
    this.openSeconds = 0;
  }

  gateOpened(wallMs: number): void {
    this.opened++;
    this.openSeconds = wallMs / 1000;
    this.shutSeconds = 0;
  }

  sum(of: (member: MeasuredBalancer) => number): number {
    let sum = 0;
    for (const member of this.members) sum += of(member);
    return sum;
  }
}

/** The families of balancers: `outbound_http_balancer_*`, and `outbound_tcp_balancer_*` of those with opaque connections. */
export class BalancerFamilies {
  private readonly series: SeriesSet<BalancerSeries>;

  constructor(retention: Retention) {
    this.series = new SeriesSet(retention, (labels, nowMs) => new BalancerSeries(labels, nowMs));
  }

  /** For a balancer to join: its members hold it. */
  of(labels: Labels): BalancerSeries {
    return this.series.get(labels);
  }

  *lines(): Iterable<string> {
    this.series.dropIdle();
    const all = this.series.values();
    if (all.length > 0) yield* linesOf('outbound_http_balancer_', all, queuedRequests);
    const tcp = all.filter(({ connects }) => connects > 0);
    if (tcp.length > 0) yield* linesOf('outbound_tcp_balancer_', tcp, queuedConnections);
  }
}

interface Queue {
  readonly length: (member: MeasuredBalancer) => number;
  readonly counts: (series: BalancerSeries) => QueueCounts;
}

const queuedRequests: Queue = {
  length: ({ queuedRequests: length }) => length,
  counts: ({ requests }) => requests,
};
const queuedConnections: Queue = {
  length: ({ queuedConnections: length }) => length,
  counts: ({ connections }) => connections,
};

type Family = readonly [
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (series: BalancerSeries, queue: Queue) => number,
];

const families: readonly Family[] = [
  ['p2c_endpoints', 'gauge', 'Endpoints of the balancer.', (series) => series.sum((each) => each.endpointCount)],
  ['queue_length', 'gauge', 'What waits for an endpoint now.', (series, { length }) => series.sum(length)],
  [
    'queue_requests_total',
    'counter',
    'What had to wait for an endpoint.',
    (series, queue) => queue.counts(series).entered,
  ],
  ['queue_gate_open', 'counter', 'How often it began to take what came.', ({ opened }) => opened],
  ['queue_gate_shut', 'counter', 'How often it began to fail what came at once.', ({ shut }) => shut],
  [
    'queue_gate_open_time_seconds',
    'gauge',
    'When it was opened; 0 while it is shut.',
    ({ openSeconds }) => openSeconds,
  ],
  ['queue_gate_shut_time_seconds', 'gauge', 'When it was shut; 0 while it is open.', ({ shutSeconds }) => shutSeconds],
  ['queue_gate_timeout_seconds', 'gauge', 'How long is waited before it is shut.', (series) => series.timeoutSeconds],
];

function* linesOf(prefix: string, all: readonly BalancerSeries[], queue: Queue): Iterable<string> {
  const endpoints = `${prefix}endpoints`;
  yield header(endpoints, 'gauge', 'Endpoints: those with a connection are ready, the others pending.');
  for (const series of all) {
    const ready = series.sum(({ readyCount }) => readyCount);
    const pending = series.sum(({ endpointCount }) => endpointCount) - ready;
    yield sample(endpoints, `${series.labels},endpoint_state="ready"`, ready);
    yield sample(endpoints, `${series.labels},endpoint_state="pending"`, pending);
  }
  for (const [name, type, help, value] of families) {
    yield header(prefix + name, type, help);
    for (const series of all) yield sample(prefix + name, series.labels, value(series, queue));
  }
  const updates = `${prefix}p2c_updates_total`;
  yield header(updates, 'counter', 'What discovery told of its endpoints.');
  for (const series of all) {
    for (const op of updateKinds) yield sample(updates, `op="${op}",${series.labels}`, series.updates[op]);
  }
  const latency = `${prefix}queue_latency_seconds`;
  yield header(latency, 'histogram', 'How long what had to wait did.');
  for (const series of all) yield queue.counts(series).waited.lines(latency, series.labels);
}
