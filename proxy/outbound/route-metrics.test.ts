import { beforeEach, describe, expect, it } from 'vitest';
import { Counted } from '../backend/counted.ts';
import { Unusable } from '../backend/unusable.ts';
import type { Attempt } from '../exchange/attempt.ts';
import { plainPlan, type RoutePlan } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, TestConnection, testSide } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, FieldMark } from '../wire/field.ts';
import { ErrorCode, resetByPeer } from '../wire/stream.ts';
import { hostnameOf, maxHostnames } from './hostnames.ts';
import { OutboundMetrics } from './metrics.ts';

const resource = (kind: string, name: string, port = 0) => ({
  group: kind === 'Service' ? 'core' : 'gateway.networking.k8s.io',
  kind,
  namespace: 'shop',
  name,
  port,
  section: '',
});
const web = resource('Service', 'web', 80);
const grpcHead = {
  method: 'POST',
  fields: [new Field('content-type', 'application/grpc')],
  marks: FieldMark.contentType,
};

let clock: FakeClock;
let registry: MetricsRegistry;
let metrics: OutboundMetrics;
let connection: TestConnection;
const start = (byHostname = false): void => {
  clock = new FakeClock();
  registry = new MetricsRegistry(() => clock.nowMs());
  metrics = new OutboundMetrics(registry, () => clock.nowMs(), byHostname);
  connection = new TestConnection();
};
beforeEach(() => start());

const lines = (): string[] => [...registry.pieces()].join('').split('\n');
/** Values of the samples of a family that are not 0, by the labels that are told. */
const samples = (family: string, ...told: string[]): Record<string, number> =>
  Object.fromEntries(
    lines()
      .filter((line) => line.startsWith(`${family}{`) && !line.endsWith(' 0'))
      .map((line) => {
        const shown = told.map((label) => new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1]);
        return [shown.join(' '), Number(line.slice(line.lastIndexOf(' ')))];
      }),
  );

function planOf({ isGrpc = false, backend }: { isGrpc?: boolean; backend?: Unusable } = {}) {
  const counts = metrics.routes.rule(web, { labels: resource('HTTPRoute', 'shop'), isGrpc });
  const to = backend ?? {
    isAvailable: true,
    send: (attempt: Attempt) => void attempt.start(connection, clock.nowMs()),
  };
  const sender = new Counted(to, counts.backend({ labels: resource('Service', 'web-v2', 8080) }));
  return { counts, plan: { ...plainPlan(sender), counts: counts.route } satisfies RoutePlan };
}
function send(plan: RoutePlan, options: Parameters<typeof exchangeOf>[1] = {}) {
  const made = exchangeOf(testSide([metrics], clock), { version: 'http2', ...options });
  metrics.inFlight++;
  made.exchange.begin(plan);
  return made.exchange;
}

describe('a request by a route', () => {
  it('is told with its parent, route and backend, and how long it took from its head and from its end', () => {
    const exchange = send(planOf().plan, { end: false });
    exchange.onData(new Uint8Array(100), false);
    clock.advance(200);
    exchange.onData(new Uint8Array(2000), true);
    clock.advance(60);
    connection.last.answer(201, false);
    connection.last.handler.onData(new Uint8Array(20_000), true);
    const route =
      'parent_group="core",parent_kind="Service",parent_namespace="shop",parent_name="web",parent_port="80",parent_section_name="",' +
      'route_group="gateway.networking.k8s.io",route_kind="HTTPRoute",route_namespace="shop",route_name="shop"';
    const backend =
      'backend_group="core",backend_kind="Service",backend_namespace="shop",backend_name="web-v2",backend_port="8080",backend_section_name=""';
    expect(lines()).toEqual(
      expect.arrayContaining([
        `outbound_http_route_request_statuses_total{${route},hostname="",http_status="201",error=""} 1`,
        `outbound_http_route_request_duration_seconds_bucket{${route},hostname="",le="0.05"} 0`,
        `outbound_http_route_request_duration_seconds_bucket{${route},hostname="",le="0.5"} 1`,
        `outbound_http_route_request_duration_seconds_sum{${route},hostname=""} 0.26`,
        `outbound_http_route_request_frame_size_bytes_bucket{${route},hostname="",le="128"} 1`,
        `outbound_http_route_request_frame_size_bytes_sum{${route},hostname=""} 2100`,
        `outbound_http_route_backend_requests_total{${route},${backend}} 1`,
        `outbound_http_route_backend_response_statuses_total{${route},${backend},http_status="201",error=""} 1`,
        `outbound_http_route_backend_response_duration_seconds_bucket{${route},${backend},le="0.05"} 0`,
        `outbound_http_route_backend_response_duration_seconds_bucket{${route},${backend},le="0.1"} 1`,
        `outbound_http_route_backend_response_duration_seconds_sum{${route},${backend}} 0.06`,
        `outbound_http_route_backend_response_frame_size_bytes_bucket{${route},${backend},le="10240"} 0`,
        `outbound_http_route_backend_response_frame_size_bytes_sum{${route},${backend}} 20000`,
      ]),
    );
    const bounds = (family: string) =>
      lines().flatMap((line) => (line.startsWith(`${family}_bucket`) ? /le="([^"]+)"/.exec(line)![1] : []));
    expect(bounds('outbound_http_route_request_duration_seconds')).toEqual(['0.05', '0.5', '1', '10', '+Inf']);
    expect(bounds('outbound_http_route_backend_response_duration_seconds')).toEqual([
      '0.025',
      '0.05',
      '0.1',
      '0.25',
      '0.5',
      '1',
      '10',
      '+Inf',
    ]);
  });

  it('whose body has come before its route is known is counted with it', () => {
    const { exchange } = exchangeOf(testSide([metrics], clock), { version: 'http2', end: false });
    metrics.inFlight++;
    exchange.onData(new Uint8Array(100), false);
    exchange.onData(new Uint8Array(20), true);
    clock.advance(500);
    exchange.begin(planOf().plan);
    clock.advance(60);
    connection.last.answer(200);
    const sum = (family: string) => samples(`outbound_http_route_${family}_sum`, 'route_name');
    expect(sum('request_frame_size_bytes')).toEqual({ shop: 120 });
    expect(sum('request_duration_seconds')).toEqual({ shop: 0.56 });
    expect(sum('backend_response_duration_seconds')).toEqual({ shop: 0.06 });
  });

  it.each<[ProxyFailure, string, string]>([
    [failures.failfast, '', 'FAIL_FAST'],
    [failures.loadShed, '', 'LOAD_SHED'],
    [failures.requestTimeout, '', 'REQUEST_TIMEOUT'],
    [failures.tryTimeout, '', 'RESPONSE_HEADERS_TIMEOUT'],
    [failures.responseTimeout, '', 'RESPONSE_STREAM_TIMEOUT'],
    [failures.idleTimeout, '', 'IDLE_TIMEOUT'],
    [failures.refused, '', 'REFUSED'],
    [failures.connect, '', 'IO'],
    [failures.identityRequired, '', 'UNKNOWN'],
    [failures.backend, '500', ''],
    [failures.forbidden, '403', ''],
  ])(
    'that fails itself by %s has status "%s" and error "%s", at its route and its backend',
    ({ code }, status, error) => {
      const failure = Object.values(failures).find((each) => each.code === code)!;
      send(planOf({ backend: new Unusable(failure) }).plan);
      const told = { [`${status} ${error}`]: 1 };
      expect(samples('outbound_http_route_request_statuses_total', 'http_status', 'error')).toEqual(told);
      expect(samples('outbound_http_route_backend_response_statuses_total', 'http_status', 'error')).toEqual(told);
    },
  );

  it('that was cut off keeps the status that it had', () => {
    const exchange = send(planOf().plan);
    connection.last.answer(200, false);
    exchange.onReset(ErrorCode.cancel, 'gone');
    send(planOf().plan);
    connection.last.handler.onReset(ErrorCode.internalError, resetByPeer);
    expect(samples('outbound_http_route_request_statuses_total', 'http_status', 'error')).toEqual({
      '200 CANCEL': 1,
      ' RESET': 1,
    });
  });

  it('of gRPC is told by its gRPC status, in the families of gRPC', () => {
    const call = () => send(planOf({ isGrpc: true }).plan, { head: grpcHead });
    call();
    connection.last.answer(200, false);
    connection.last.handler.onTrailers([new Field('grpc-status', '5')]);
    call();
    connection.last.answer(200, true, [new Field('grpc-status', '0')]);
    call();
    connection.last.answer(200, true);
    send(planOf({ isGrpc: true, backend: new Unusable(failures.failfast) }).plan, { head: grpcHead });
    const told = { 'NOT_FOUND ': 1, 'OK ': 1, 'UNKNOWN ': 1, 'UNKNOWN FAIL_FAST': 1 };
    expect(samples('outbound_grpc_route_request_statuses_total', 'grpc_status', 'error')).toEqual(told);
    expect(samples('outbound_grpc_route_backend_response_statuses_total', 'grpc_status', 'error')).toEqual(told);
    expect(lines().filter((line) => line.startsWith('outbound_http_route_'))).toEqual([]);
  });
});

describe('cardinality', () => {
  it('a route that nobody has used is not told of, nor one that was long ago', () => {
    const { counts, plan } = planOf();
    const told = () => lines().filter((line) => line.startsWith('outbound_http_route_')).length;
    expect(told()).toBe(0);
    send(plan);
    connection.last.answer(200);
    expect(told()).toBeGreaterThan(0);
    counts.release(clock.nowMs());
    clock.advance(599_000);
    expect(told()).toBeGreaterThan(0);
    clock.advance(2000);
    expect(told()).toBe(0);
  });

  it.each([false, true])(
    'what ends after policy has changed is counted, and held no longer (by hostname: %s)',
    (byHostname) => {
      start(byHostname);
      const { counts, plan } = planOf();
      const exchange = send(plan, { end: false, head: { authority: 'web.shop' } });
      counts.release(clock.nowMs());
      clock.advance(300_000);
      counts.retries.request();
      counts.hedges.win();
      exchange.onData(new Uint8Array(1), true);
      connection.last.answer(200);
      const told = () =>
        lines()
          .filter((line) => line.startsWith('outbound_http_route_'))
          .join('\n');
      clock.advance(599_000);
      for (const family of ['retry_requests_total', 'hedge_wins_total', 'request_statuses_total']) {
        expect(told()).toMatch(new RegExp(`^outbound_http_route_${family}\\{.* 1$`, 'm'));
      }
      clock.advance(2000);
      expect(told()).toBe('');
    },
  );

  it('a server that answers with each status there is makes two hundred series', () => {
    const { plan } = planOf();
    for (let status = 200; status < 600; status++) {
      send(plan);
      connection.last.answer(status);
    }
    const told = lines().filter((line) => line.startsWith('outbound_http_route_request_statuses_total{'));
    expect(told).toHaveLength(201);
    expect(samples('outbound_http_route_request_statuses_total', 'overflow')).toMatchObject({ true: 200 });
  });

  it('by hostname there are a hundred of a rule, and the rest are counted without one', () => {
    start(true);
    const { plan } = planOf();
    for (let i = 0; i < 2 * maxHostnames; i++) {
      send(plan, { head: { authority: `h${i}.shop.example:8080` } });
      connection.last.answer(200);
    }
    const told = samples('outbound_http_route_request_statuses_total', 'hostname');
    expect(Object.keys(told)).toHaveLength(maxHostnames + 1);
    expect([told['h0.shop.example'], told['']]).toEqual([1, maxHostnames]);
  });

  it.each([
    ['Web.Shop:80', 'web.shop'],
    ['web', 'web'],
    ['10.0.0.1:80', ''],
    ['[::1]:80', ''],
    ['', ''],
    ['a b', ''],
    [`${'x'.repeat(300)}.shop`, ''],
  ])('the hostname of %s is "%s"', (authority, hostname) => {
    expect(hostnameOf(authority)).toBe(hostname);
  });
});
