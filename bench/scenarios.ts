import type { Path } from './peers/peer.ts';

/** Tulle where the mesh is told nothing. */
export const without = 'Tulle, without';

/** What of Tulle's may be at most so many times a peer's. */
export interface RatioLimit {
  readonly peer: 'Envoy' | 'HAProxy' | typeof without | 'Tulle, not traced' | 'Envoy, traced';
  readonly measure: 'cpu' | 'added p50' | 'added p99.9';
  readonly ratio: number;
}

/** What of Tulle's may be at most so much, whatever others do. */
export interface OwnLimit {
  readonly measure: 'added p99';
  readonly mostMs: number;
}

export type Limit = RatioLimit | OwnLimit;

/** What is wrong with one of three endpoints: it takes no connection, or takes each and answers nothing. */
export type BlackHole = 'hole' | 'mute';

/**
 * What the mesh is told of the Service that is called: a route of 20 rules with weights, a header filter, timeouts and retries
 * of which none fires; retries alone; retries of requests of which a fifth fails; that end users bring tokens; or that the
 * server's sidecar writes an access log, or sends its metrics to a statsd server.
 */
export const told = ['rules', 'retries', 'flaky', 'tokens', 'access-log', 'statsd'] as const;
export type Told = (typeof told)[number];
/** The shares of requests, in per cent, with which tracing is measured. */
export const tracedPercents = [1, 100] as const;
export type TracedPercent = (typeof tracedPercents)[number];

/** A way of sending, and what it must not cost (design: "Numbers to hold"). */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly path: Path;
  /**
   * `saturated`: as fast as answers come; `rate`: at a constant rate; `varied`: as fast, with other paths and a unique
   * header each; `flood`: bytes as fast as they are taken.
   */
  readonly load: 'saturated' | 'rate' | 'varied' | 'flood';
  readonly connections: number;
  /** Requests at a time on one connection. */
  readonly streams: number;
  /** Size of each response's body; the upstream's 100 bytes when not set. */
  readonly bodyBytes?: number;
  /** Tulle alone, against itself with HTTP/1 over pooled connections between the sidecars. */
  readonly pooled?: boolean;
  /** Size of each request's body; none when not set. */
  readonly requestBytes?: number;
  /** Tulle alone, against itself where nothing is told. */
  readonly told?: Told;
  /** How long each measurement takes at least; a second when not set. */
  readonly seconds?: number;
  /** Tulle against itself without tracing, and where all is recorded against Envoy with its tracer: the percentage. */
  readonly traced?: TracedPercent;
  /** Tulle alone, at a constant rate, counted from when it may know of the endpoint that answers nothing. */
  readonly blackHole?: BlackHole;
  readonly limits: readonly Limit[];
}

const cpu = (peer: RatioLimit['peer'], ratio: number): Limit => ({ peer, measure: 'cpu', ratio });
const perHop = { hop: 'one hop', chain: 'mTLS chain' } as const;
type Hops = keyof typeof perHop;

export const requestsPerSecond = 2000;

function http1(hops: Hops, id: string, title: string, more: Partial<Scenario>): Scenario {
  return {
    id: `http1-${hops}${id}`,
    title: `HTTP/1.1, ${perHop[hops]}, ${title}`,
    path: `http1-${hops}`,
    load: 'saturated',
    connections: 50,
    streams: 1,
    limits: [],
    ...more,
  };
}

function grpc(hops: Hops, id: string, title: string, more: Partial<Scenario>): Scenario {
  return {
    id: `grpc-${hops}${id}`,
    title: `gRPC unary, ${perHop[hops]}, ${title}`,
    path: `grpc-${hops}`,
    load: 'saturated',
    connections: 10,
    streams: 10,
    limits: [],
    ...more,
  };
}

function tcp(hops: Hops): Scenario {
  return {
    id: `tcp-${hops}`,
    title: `Opaque TCP, ${perHop[hops]}, one connection at a time`,
    path: `tcp-${hops}`,
    load: 'flood',
    connections: 1,
    streams: 1,
    limits: [cpu('Envoy', 1.1)],
  };
}

const varied = { load: 'varied' } as const;
const alone = { connections: 1, streams: 1 } as const;
const variedTitle = 'another path and a unique header in each request';
const addedP50: Limit = { peer: 'HAProxy', measure: 'added p50', ratio: 1 };

function blackHole(kind: BlackHole, what: string): Scenario {
  return http1('hop', `-${kind}`, `2,000 requests/s to three endpoints, one of which ${what}`, {
    load: 'rate',
    blackHole: kind,
    limits: [{ measure: 'added p99', mostMs: 20 }],
  });
}

const rules = 'a route of 20 rules, weights, a header filter, timeouts and retries';
const ownCpu = (most: number): Limit => ({ peer: without, measure: 'cpu', ratio: most });

export const scenarios: readonly Scenario[] = [
  http1('hop', '', '50 connections', { limits: [cpu('Envoy', 0.6), cpu('HAProxy', 1.4)] }),
  http1('hop', '-1000', '1,000 connections', { connections: 1000 }),
  http1('chain', '', '50 connections', { limits: [cpu('Envoy', 0.35), cpu('HAProxy', 1)] }),
  http1('chain', '-1000', '1,000 connections', {
    connections: 1000,
    limits: [cpu('Envoy', 0.35), cpu('HAProxy', 1)],
  }),
  http1('hop', '-varied', variedTitle, { ...varied, limits: [cpu('HAProxy', 1.1)] }),
  http1('chain', '-varied', variedTitle, { ...varied, limits: [cpu('HAProxy', 1.1)] }),
  http1('hop', '-10k', 'bodies of 10 KB', { bodyBytes: 10_000 }),
  http1('chain', '-10k', 'bodies of 10 KB', { bodyBytes: 10_000 }),
  http1('hop', '-1m', 'bodies of 1 MB', { bodyBytes: 1_000_000, connections: 10 }),
  http1('chain', '-1m', 'bodies of 1 MB', { bodyBytes: 1_000_000, connections: 10 }),
  grpc('hop', '', '10 connections of 10 streams', { limits: [cpu('Envoy', 0.3)] }),
  grpc('chain', '', '10 connections of 10 streams', { limits: [cpu('Envoy', 0.25)] }),
  grpc('hop', '-varied', variedTitle, { ...varied, limits: [cpu('Envoy', 0.4)] }),
  grpc('chain', '-varied', variedTitle, { ...varied, limits: [cpu('Envoy', 0.3)] }),
  grpc('chain', '-100', '100 connections of one stream', { connections: 100, streams: 1 }),
  grpc('chain', '-single', 'one call at a time', { ...alone, limits: [cpu('Envoy', 0.5)] }),
  http1('chain', '-single', 'one request at a time', { ...alone, limits: [cpu('Envoy', 0.5)] }),
  http1('hop', '-rate', '2,000 requests/s over 50 connections', { load: 'rate' }),
  http1('chain', '-rate', '2,000 requests/s over 50 connections', {
    load: 'rate',
    limits: [cpu('Envoy', 0.5), addedP50],
  }),
  http1('chain', '-minute', '2,000 requests/s for a minute', {
    load: 'rate',
    seconds: 60,
    limits: [{ peer: 'Envoy', measure: 'added p99.9', ratio: 1 }],
  }),
  http1('chain', '-rules', rules, { told: 'rules', limits: [ownCpu(1.25)] }),
  grpc('chain', '-rules', rules, { told: 'rules', limits: [ownCpu(1.25)] }),
  http1('chain', '-retries', 'request bodies of 10 KB, held for retries', {
    told: 'retries',
    requestBytes: 10_000,
    limits: [ownCpu(1.3)],
  }),
  // As many that the sidecars are at work while others back off.
  http1('chain', '-flaky', '1,000 connections, a fifth of the tries fails and is made again', {
    told: 'flaky',
    connections: 1000,
    limits: [ownCpu(1.6)],
  }),
  http1('chain', '-tokens', 'one of 1,000 tokens in each request', {
    ...varied,
    told: 'tokens',
    limits: [ownCpu(1.3)],
  }),
  grpc('chain', '-access-log', "the server's sidecar writes an access log", {
    told: 'access-log',
    limits: [ownCpu(1.2)],
  }),
  grpc('chain', '-statsd', "the server's sidecar sends metrics to a statsd server", {
    told: 'statsd',
    limits: [ownCpu(1.02)],
  }),
  blackHole('hole', 'takes no connection'),
  blackHole('mute', 'takes connections and answers nothing'),
  ...[
    http1('chain', '-pooled', '50 connections', {}),
    http1('chain', '-1000-pooled', '1,000 connections', { connections: 1000 }),
    http1('chain', '-single-pooled', 'one request at a time', alone),
    http1('chain', '-rate-pooled', '2,000 requests/s over 50 connections', { load: 'rate' }),
  ].map((scenario) => ({ ...scenario, title: `${scenario.title}: multiplexed and pooled`, pooled: true })),
  ...tracedPercents.map((traced) =>
    grpc('chain', `-traced-${traced}`, `tracing on, ${traced} % recorded`, {
      traced,
      limits:
        traced === 1 ? [cpu('Tulle, not traced', 1.04)] : [cpu('Tulle, not traced', 1.35), cpu('Envoy, traced', 0.4)],
    }),
  ),
  tcp('hop'),
  tcp('chain'),
];
