import { ApiObject, Chart, Duration } from 'cdk8s';
import { Service } from 'cdk8s-plus-27';
import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import {
  Affinity,
  type Backend,
  BackendOrder,
  FaultAbort,
  FaultInjection,
  Filter,
  GrpcRoute,
  HttpRoute,
  type HttpRouteProps,
  Match,
  MeshService,
  MirrorShare,
  PathRewrite,
  RetryOn,
  RouteParent,
  Sessions,
} from '../index.ts';
import { Shop } from './testing/shop.ts';

let shop: Shop;
beforeEach(() => {
  shop = new Shop();
});

type Rule = HttpRouteProps['rules'][number];
const http = (rule: Rule, more: Partial<HttpRouteProps> = {}) =>
  new HttpRoute(shop.chart, 'route', { parent: shop.orders, rules: [rule], ...more });
const grpc = (rule: Rule, more: Partial<HttpRouteProps> = {}) =>
  new GrpcRoute(shop.chart, 'route', { parent: shop.orders, rules: [rule], ...more });
const fault = (props: ConstructorParameters<typeof FaultInjection>[2]) =>
  new FaultInjection(shop.chart, 'fault', props);
const configMap = () => new ApiObject(shop.chart, 'map', { apiVersion: 'v1', kind: 'ConfigMap' });
const twoPorts = () =>
  new Service(shop.chart, 'two', {
    metadata: { name: 'two' },
    ports: [
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ],
  });

const wrong: [string, () => unknown, string][] = [
  [
    'a wait that is longer than the whole',
    () => http({}, { timeouts: { request: Duration.seconds(2), idle: Duration.minutes(5) } }),
    "'idle' (300s) must not be longer than 'request' (2s), which ends first: leave it out",
  ],
  [
    'a try that is longer than all of them',
    () => http({}, { timeouts: { request: Duration.seconds(2) }, retries: { timeout: Duration.millis(2001) } }),
    "'timeout' of retries (2001ms) must not be longer than 'request' of timeouts (2s), which ends first",
  ],
  ['retries that say nothing', () => http({}, { retries: {} }), "'retries' () must say something"],
  ['timeouts that say nothing', () => grpc({}, { timeouts: {} }), "'timeouts' () must say something"],
  ['a path that is not absolute', () => Match.path('v2'), "'path' (v2) must be an absolute path: it begins with '/'"],
  [
    'a path with dots',
    () => Match.pathPrefix('/a/../b'),
    "'pathPrefix' (/a/../b) must be a path as it is when it is read: without '//', '/./', '/../', '%2f', '?' and '#'",
  ],
  [
    'a pattern that backtracks',
    () => Match.pathRegex('(a)\\1'),
    "'pathRegex' ((a)\\1) must be a regular expression that proxies match by: ",
  ],
  [
    'a pattern of a header',
    () => Match.headerRegex('x', '('),
    "'headerRegex x' (() must be a regular expression that proxies match by: ",
  ],
  ['a header name', () => Match.header('x y', '1'), "'header' (x y) must be a header name of at most 256 characters"],
  [
    'a header twice',
    () => Match.header('x', '1').header('X', '2'),
    "'header' (X) must not be asked for twice: use one regular expression for several values",
  ],
  ['a header without value', () => Match.header('x', ''), "'header x' () must have a value of at most 4096 characters"],
  ['a control character', () => Match.header('x', 'a\nb'), "'header x' (a\nb) must have no control characters"],
  [
    'two paths',
    () => Match.path('/a').pathPrefix('/b'),
    "'path' (/b) must not be asked for beside /a: a rule can have several matches",
  ],
  ['a method', () => Match.method('get' as never), "'method' (get) must be one of GET, HEAD, "],
  [
    'a gRPC service',
    () => Match.grpcMethod('/a.B/C'),
    "'grpcMethod' (/a.B/C) must name a service with its package: 'emojivoto.v1.VotingService'",
  ],
  [
    'a gRPC method',
    () => Match.grpcMethod('a.B', 'a/C'),
    "'grpcMethod' (a/C) must be the name of a method, without its service: 'Vote'",
  ],
  [
    'gRPC in an HttpRoute',
    () => http({ matches: [Match.grpcMethod('a.B')] }),
    "'grpcMethod' (a.B) must stand in a GrpcRoute: an HttpRoute matches by path",
  ],
  [
    'a path in a GrpcRoute',
    () => grpc({ matches: [Match.path('/a')] }),
    "'path' (/a) must stand in an HttpRoute: use Match.grpcMethod for gRPC",
  ],
  [
    'a method in a GrpcRoute',
    () => grpc({ matches: [Match.method('GET')] }),
    "'method' (GET) must stand in an HttpRoute: use Match.grpcMethod for gRPC",
  ],
  [
    'a query in a GrpcRoute',
    () => grpc({ matches: [Match.query('a', 'b')] }),
    "'query' (a) must stand in an HttpRoute: calls of gRPC have no query",
  ],
  ['no rules', () => http({}, { rules: [] }), "'rules' (0) must be from 1 to 16"],
  [
    'a host name',
    () => http({}, { hostnames: ['Shop.example'] }),
    "'hostnames' (Shop.example) must be names in lower case, such as '*.shop.example'",
  ],
  [
    'weights without any',
    () =>
      http({
        backends: [
          { service: shop.orders, weight: 0 },
          { service: shop.next, weight: 0 },
        ],
      }),
    "'weight' (0, 0) must be above 0 for one backend at least: these take no requests",
  ],
  [
    'a negative weight',
    () => http({ backends: [{ service: shop.orders, weight: -1 }] }),
    "'weight' (-1) must be a whole number from 0 to 1000000",
  ],
  [
    'a port that the Service lacks',
    () => MeshService.of(shop.service, { port: 81 }),
    "'port' (81) must be a port of the Service shop/orders: 8080",
  ],
  [
    'no port where there are two',
    () => http({ backends: [{ service: twoPorts() }] }),
    "'service' (shop/two) must have a port: MeshService.of(two, { port: 8080 })",
  ],
  [
    'no port of a name',
    () => http({ backends: [{ service: MeshService.of('far') }] }),
    "'service' (far) must have a port: MeshService.of('far', { port: 8080 })",
  ],
  [
    'a name with its namespace',
    () => MeshService.of('far.shop'),
    "'name' (far.shop) must be the name of a Service, such as 'orders': its namespace is apart",
  ],
  [
    'a port out of bounds',
    () => MeshService.of('far', { port: 70_000 }),
    "'port' (70000) must be a whole number from 1 to 65535",
  ],
  [
    'a namespace of a construct',
    () => MeshService.of(shop.service, { namespace: 'a' }),
    "'namespace' (a) must be left out: the construct of the Service says where it is",
  ],
  [
    'a backend that is none',
    () => http({ backends: [{ service: configMap() }] }),
    "'service' (shop/map) must be a Service, or a workload that has one: this is a ConfigMap",
  ],
  [
    'a backend without an object',
    () => MeshService.of(shop.chart as unknown as Backend),
    "'service' (shop) must be a Service, or a workload that has one",
  ],
  [
    'two Services of a workload',
    () => {
      shop.expose(shop.orders, 'second', 8080);
      http({});
    },
    "'parent' (shop/orders) must be one Service, and the workload has several: give one of shop/orders/ordersService/Resource, shop/orders/secondService/Resource",
  ],
  [
    'a headless parent',
    () =>
      http(
        {},
        { parent: new Service(shop.chart, 'h', { metadata: { name: 'h' }, clusterIP: 'None', ports: [{ port: 1 }] }) },
      ),
    "'parent' (shop/h:1) must be a Service with an address: callers of a headless one ask for its pods",
  ],
  [
    'settings of a Service made elsewhere',
    () => MeshService.of('far').configure({}),
    "'service' (far) must be made in this app: annotate it where it is made",
  ],
  [
    'a parent that is no Server',
    () => RouteParent.server(configMap()),
    "'parent' (shop/map) must be a Server, and is a ConfigMap",
  ],
  [
    'a share of traces in percent',
    () => http({}, { traceSampleRate: 5 }),
    "'traceSampleRate' (5) must be from 0 to 1: 0.01 for one request of a hundred",
  ],
  [
    'a share of traces that cannot be written',
    () => http({}, { traceSampleRate: 1e-9 }),
    "'traceSampleRate' (1e-9) must be from 0 to 1: 0.01 for one request of a hundred",
  ],
  [
    'retries of a Server',
    () => http({}, { parent: RouteParent.server('a'), retries: { on: RetryOn.serverError() } }),
    "'parent' (Server) must be a Service: retry.linkerd.io/http is for those who call, and a Server is of who is called",
  ],
  [
    'backends of a Server',
    () => http({ backends: [{ service: shop.next }] }, { parent: RouteParent.server('a') }),
    "'backends' (shop/orders-next:8080) must be left out where the parent is a Server: requests have come already",
  ],
  [
    'a header that proxies make',
    () => Filter.setRequestHeaders({ connection: 'close' }),
    "'header' (connection) must not be changed: proxies make this header anew for each hop",
  ],
  ['no headers', () => Filter.removeRequestHeaders(), "'headers' (0) must be from 1 to 16"],
  [
    'a header that is set twice',
    () => http({ filters: [Filter.setRequestHeaders({ a: '1' }), Filter.setRequestHeaders({ A: '2' })] }),
    "'filters' (a) must not set a header twice",
  ],
  [
    'a redirect to nowhere',
    () => Filter.redirect({}),
    "'redirect' () must say where to: 'scheme', 'hostname', 'port' or 'path'",
  ],
  [
    'a redirect with backends',
    () => http({ filters: [Filter.redirect({ scheme: 'https' })], backends: [{ service: shop.orders }] }),
    "'backends' (shop/orders:8080) must be left out where a filter redirects: nothing would go there",
  ],
  [
    'a status of a redirect',
    () => Filter.redirect({ scheme: 'https', statusCode: 300 }),
    "'statusCode' (300) must be one of 301, 302, 303, 307, 308",
  ],
  ['a scheme', () => Filter.redirect({ scheme: 'ftp' as never }), "'scheme' (ftp) must be 'http' or 'https'"],
  [
    'a host with a port',
    () => Filter.rewrite({ hostname: 'a:80' }),
    "'hostname' (a:80) must be a host name, without a port",
  ],
  ['a rewrite to nothing', () => Filter.rewrite({}), "'rewrite' () must say to what: 'hostname' or 'path'"],
  [
    'a prefix without one to match',
    () => http({ matches: [Match.path('/a')], filters: [Filter.rewrite({ path: PathRewrite.prefix('/b') })] }),
    "'filters' (URLRewrite) must not replace a prefix in a rule that does not match by Match.pathPrefix alone",
  ],
  [
    'a rewrite in a GrpcRoute',
    () => grpc({ filters: [Filter.rewrite({ hostname: 'a' })] }),
    "'filters' (URLRewrite) must stand in an HttpRoute",
  ],
  [
    'two rewrites',
    () => http({ filters: [Filter.rewrite({ hostname: 'a' }), Filter.rewrite({ hostname: 'b' })] }),
    "'filters' (URLRewrite) must not stand twice in a rule",
  ],
  [
    'a rewritten path with a query',
    () => PathRewrite.full('/a?b'),
    "'path' (/a?b) must have no query: that of the request stays",
  ],
  [
    'an origin',
    () => Filter.cors({ allowOrigins: ['shop.example'] }),
    "'allowOrigins' (shop.example) must be *, or http:// or https:// with a host that has one * at most",
  ],
  ['a share of a mirror', () => MirrorShare.percent(101), "'percent' (101) must be a percentage from 0 to 100"],
  ['a fraction above 1', () => MirrorShare.fraction(2, 1), "'numerator' (2) must be a whole number from 0 to 1"],
  ['a fault that is none', () => fault({}), "'delay' (undefined) must be there, or 'abort'"],
  [
    'a delay that is too long',
    () => fault({ delay: Duration.hours(2) }),
    "'delay' (7200000 ms) must not be longer than 3600000 ms",
  ],
  [
    'a percentage of a fault',
    () => fault({ abort: FaultAbort.http(503), abortPercent: Number.NaN }),
    "'abortPercent' (NaN) must be a percentage from 0 to 100",
  ],
  [
    'a share of nothing',
    () => fault({ delay: Duration.seconds(1), abortPercent: 1 }),
    "'abortPercent' (1) must stand beside an 'abort'",
  ],
  ['a status of an abort', () => FaultAbort.http(600), "'status' (600) must be a whole number from 200 to 599"],
  ['a gRPC status', () => FaultAbort.grpc('OK' as never), "'status' (OK) must be one of CANCELLED, "],
  [
    'a fault of HTTP in a GrpcRoute',
    () => grpc({ filters: [Filter.fault(fault({ abort: FaultAbort.http(503) }))] }),
    "'filters' (ExtensionRef) must stand in an HttpRoute",
  ],
  [
    'a fault of another namespace',
    () =>
      http({
        filters: [
          Filter.fault(
            new FaultInjection(new Chart(shop.app, 'b', { namespace: 'b' }), 'f', {
              delay: Duration.seconds(1),
              metadata: { name: 'f' },
            }),
          ),
        ],
      }),
    "'filters' (b/f) must name a FaultInjection of the route's namespace, shop",
  ],
  [
    'retries of gRPC in an HttpRoute',
    () => http({}, { retries: { on: RetryOn.grpc('internal') } }),
    "'on' (internal) must be what the calls of this route end with: RetryOn.serverError()",
  ],
  [
    'a limit of retries',
    () => http({}, { retries: { on: RetryOn.serverError(), limit: 0 } }),
    "'limit' (0) must be a whole number from 1 to 65535",
  ],
  [
    'a timeout of nothing',
    () => http({ timeouts: { request: Duration.millis(0) } }),
    "'request' (0 ms) must be at least a millisecond, in whole milliseconds",
  ],
  [
    'a try longer than all',
    () => http({ timeouts: { request: Duration.seconds(1), backendRequest: Duration.seconds(2) } }),
    "'backendRequest' (2000 ms) must not be longer than 'request' (1000 ms), which all tries share",
  ],
  [
    'a budget',
    () => http({}, { hedging: { after: Duration.millis(1), budget: 2 } }),
    "'budget' (2) must be above 0 and up to 1",
  ],
  [
    'a share of ready endpoints',
    () => BackendOrder.preferred(0),
    "'below' (0) must be a percentage above 0 and up to 100",
  ],
  ['a cookie', () => Affinity.cookie('a b'), "'affinity' (cookie:a b) must name a cookie in at most 256 characters"],
  [
    'a path of no given cookie',
    () => Affinity.cookie('a', { path: '/' }),
    "'path' (/) must stand beside a 'ttl': it is of given cookies",
  ],
  ['sessions of no name', () => Sessions.cookie({ name: 'a b' }), "'name' (a b) must be the name of a cookie"],
  [
    'sessions by a cookie as such',
    () => Sessions.header({ name: 'Cookie' }),
    "'name' (Cookie) must be the name of a header",
  ],
  [
    'a cookie that is kept for ever',
    () => Sessions.cookie({ permanent: true }),
    "'permanent' (true) must stand beside a 'timeout'",
  ],
  [
    'sessions of half a second',
    () => Sessions.header({ timeout: Duration.millis(500) }),
    "'timeout' (500 ms) must be at least a second",
  ],
  ['a load', () => Affinity.sourceIp({ maxLoad: 0.5 }), "'maxLoad' (0.5) must be a number from 1 to 100"],
];

describe('is refused where it is given', () => {
  it.each(wrong)('%s', (_what, make, message) => {
    expect(make).toThrow(message);
  });
});

it('types take what is a Service, and one of each option', () => {
  expectTypeOf(shop.orders).toExtend<Backend>();
  expectTypeOf(shop.service).toExtend<Backend>();
  expectTypeOf(MeshService.of('orders')).toExtend<Backend>();
  expectTypeOf(shop.chart).not.toExtend<Backend>();
  expectTypeOf('orders').not.toExtend<Backend>();
  expectTypeOf(Match.path('/a').header('b', 'c')).toEqualTypeOf<Match>();
  expectTypeOf<HttpRouteProps['rules'][number]['timeouts']>().not.toBeAny();
  // @ts-expect-error a condition of gRPC is none of a status
  expect(() => FaultAbort.grpc(503)).toThrow();
  // @ts-expect-error an option with variants is no text
  expectTypeOf<HttpRouteProps>().toExtend<{ order?: string }>();
});
