import { ApiObject, App, Chart, Duration, Testing } from 'cdk8s';
import { Deployment, Service, StatefulSet } from 'cdk8s-plus-27';
import * as kplus33 from 'cdk8s-plus-33';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  BackendOrder,
  FaultAbort,
  FaultInjection,
  Filter,
  GrpcRoute,
  HttpRoute,
  Match,
  MeshedDeployment,
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

describe('an HttpRoute', () => {
  it('is an HTTPRoute of the Gateway API with all that it can say', () => {
    const { chart, orders, next } = shop;
    new HttpRoute(chart, 'orders-route', {
      parent: orders,
      hostnames: ['orders.shop.example', '*.orders.example'],
      retries: { on: RetryOn.serverError(), limit: 2, timeout: Duration.millis(200) },
      timeouts: { request: Duration.seconds(2), response: Duration.seconds(1), idle: Duration.millis(1500) },
      hedging: { after: Duration.millis(50), limit: 1, budget: 0.1 },
      rules: [
        {
          matches: [
            Match.pathPrefix('/v2').method('GET').header('x-canary', '1').query('debug', 'yes'),
            Match.pathRegex('/items/\\d+').headerRegex('x-user', 'a.*').queryRegex('page', '\\d+'),
          ],
          filters: [
            Filter.setRequestHeaders({ 'x-api-version': '2' }),
            Filter.removeRequestHeaders('x-debug'),
            Filter.addResponseHeaders({ vary: 'x-canary' }),
            Filter.cors({ allowOrigins: ['https://*.shop.example'], allowMethods: ['GET'], maxAge: Duration.hours(1) }),
            Filter.mirror(next, MirrorShare.fraction(1, 1000)),
          ],
          backends: [
            { service: orders, weight: 9 },
            { service: next, weight: 1, filters: [Filter.setResponseHeaders({ 'x-version': 'next' })] },
          ],
          timeouts: { request: Duration.seconds(130), backendRequest: Duration.millis(500) },
        },
        {
          matches: [Match.path('/old')],
          filters: [Filter.redirect({ path: PathRewrite.full('/v1'), statusCode: 301 })],
        },
        {
          matches: [Match.pathPrefix('/legacy')],
          filters: [Filter.rewrite({ path: PathRewrite.prefix('/'), hostname: 'legacy.example' })],
        },
        {},
      ],
    });
    expect(shop.objects('HTTPRoute')).toMatchSnapshot();
  });

  it('names what is of another namespace, and the Gateway API’s durations', () => {
    const other = new Chart(shop.app, 'other', { namespace: 'other' });
    new HttpRoute(other, 'route', {
      parent: shop.orders,
      rules: [
        {
          backends: [{ service: MeshService.of('cart', { namespace: 'carts', port: 80 }) }],
          timeouts: { request: Duration.millis(3_661_500) },
        },
      ],
    });
    shop.app.synthYaml();
    const [{ spec }] = other.toJson();
    expect(spec.parentRefs).toEqual([{ group: '', kind: 'Service', name: 'orders', namespace: 'shop', port: 8080 }]);
    expect(spec.rules).toEqual([
      { backendRefs: [{ name: 'cart', namespace: 'carts', port: 80 }], timeouts: { request: '1h1m1s500ms' } },
    ]);
  });

  it('says which share of its requests is traced, of a Server too', () => {
    const rules = [{}];
    new HttpRoute(shop.chart, 'out', { parent: shop.orders, rules, traceSampleRate: 0.00001 });
    new GrpcRoute(shop.chart, 'in', { parent: RouteParent.server('orders'), rules, traceSampleRate: 0 });
    const told = (kind: string) => shop.objects(kind)[0].metadata.annotations;
    expect([told('HTTPRoute'), told('GRPCRoute')]).toEqual([
      { 'tracing.tulle.dev/sample-rate': '0.00001' },
      { 'tracing.tulle.dev/sample-rate': '0' },
    ]);
  });

  it('is of a Server, too, and then of who is called', () => {
    new HttpRoute(shop.chart, 'server', { parent: RouteParent.server('orders'), rules: [{}] });
    const server = new ApiObject(shop.chart, 'a', {
      ...{ apiVersion: 'policy.linkerd.io/v1beta3', kind: 'Server' },
      spec: { podSelector: {}, port: 8080 },
    });
    new HttpRoute(shop.chart, 'other', { parent: RouteParent.server(server), rules: [{}] });
    new HttpRoute(shop.chart, 'out', { parent: RouteParent.egressNetwork('internet', 443), rules: [{}] });
    expect(shop.objects('HTTPRoute').map(({ spec }) => spec.parentRefs[0])).toEqual([
      { group: 'policy.linkerd.io', kind: 'Server', name: 'orders' },
      { group: 'policy.linkerd.io', kind: 'Server', name: server.name },
      { group: 'policy.linkerd.io', kind: 'EgressNetwork', name: 'internet', port: 443 },
    ]);
  });
});

describe('a GrpcRoute', () => {
  it('is a GRPCRoute with services and methods, and backends in order', () => {
    const { chart, orders, next } = shop;
    const fault = new FaultInjection(chart, 'no-orders', { abort: FaultAbort.grpc('UNAVAILABLE'), abortPercent: 50 });
    new GrpcRoute(chart, 'orders-route', {
      metadata: { name: 'orders' },
      parent: orders,
      order: BackendOrder.preferred(50),
      retries: { on: RetryOn.grpc('unavailable') },
      rules: [
        {
          matches: [
            Match.grpcMethod('shop.v1.Orders', 'Place').header('x-stage', 'next'),
            Match.grpcMethod('shop.v2.Orders'),
          ],
          filters: [Filter.fault(fault)],
          backends: [{ service: next }, { service: orders }],
        },
        {},
      ],
    });
    expect([...shop.objects('GRPCRoute'), ...shop.objects('FaultInjection')]).toMatchSnapshot();
  });
});

it('a rule has the sessions of the Gateway API, of an HttpRoute as of a GrpcRoute', () => {
  const { chart, orders, next } = shop;
  const sessions = [
    Sessions.cookie(),
    Sessions.cookie({ name: 'seat', timeout: Duration.hours(1), permanent: true }),
    Sessions.header({ name: 'X-Seat' }),
  ];
  new HttpRoute(chart, 'http', {
    parent: orders,
    rules: sessions.map((each, i) => ({ matches: [Match.path(`/${i}`)], sessions: each })),
  });
  new GrpcRoute(chart, 'grpc', { parent: next, rules: [{ sessions: sessions[2] }] });
  const rulesOf = (kind: string) => (shop.objects(kind)[0] as { spec: { rules: object[] } }).spec.rules;
  const header = { sessionPersistence: { sessionName: 'X-Seat', type: 'Header' } };
  expect(rulesOf('HTTPRoute')).toMatchObject([
    { sessionPersistence: {} },
    { sessionPersistence: { sessionName: 'seat', absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } } },
    header,
  ]);
  expect(rulesOf('GRPCRoute')).toEqual([header]);
  const server = { parent: RouteParent.server('web'), rules: [{ sessions: sessions[0] }] };
  expect(() => new HttpRoute(chart, 'server', server)).toThrow("'sessions' (of a Server) must be left out");
});

it('a route that says how often, and not what, tries again what fails in its protocol', () => {
  new HttpRoute(shop.chart, 'http', { parent: shop.orders, retries: { limit: 2 }, rules: [{}] });
  new GrpcRoute(shop.chart, 'grpc', { parent: shop.next, retries: { limit: 2 }, rules: [{}] });
  const told = [...shop.objects('HTTPRoute'), ...shop.objects('GRPCRoute')].map(({ metadata }) => metadata.annotations);
  expect(told).toEqual([
    { 'retry.linkerd.io/http': '5xx', 'retry.linkerd.io/limit': '2' },
    { 'retry.linkerd.io/grpc': 'unavailable', 'retry.linkerd.io/limit': '2' },
  ]);
});

describe('a backend', () => {
  const ports = (backend: Parameters<typeof MeshService.of>[0]) => {
    const { name, port } = MeshService.of(backend);
    return [name, port];
  };

  it('is a Service of any cdk8s-plus, a raw one, a workload that has one, or a name', () => {
    const { chart } = shop;
    const plain = new kplus33.Service(chart, 'plain', { metadata: { name: 'plain' }, ports: [{ port: 81 }] });
    const raw = new ApiObject(chart, 'raw', {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'raw' }, spec: { ports: [{ port: 82 }] } },
    });
    const set = new StatefulSet(chart, 'set', {
      containers: [{ image: 'db', portNumber: 5432 }],
      service: new Service(chart, 'db', { metadata: { name: 'db' }, ports: [{ port: 5432 }], clusterIP: 'None' }),
    });
    expect([plain, raw, set, shop.orders, MeshService.of('far', { port: 83 })].map(ports)).toEqual([
      ...[
        ['plain', 81],
        ['raw', 82],
        ['db', 5432],
        ['orders', 8080],
        ['far', 83],
      ],
    ]);
  });

  it('is the Service that selects the workload, where that has made none', () => {
    const cart = new Deployment(shop.chart, 'cart', { containers: [{ image: 'cart', portNumber: 80 }] });
    new Service(shop.chart, 'cart-svc', { metadata: { name: 'cart' }, selector: cart, ports: [{ port: 80 }] });
    expect(ports(cart)).toEqual(['cart', 80]);
  });

  it('is given a Service where it has none, and the same each time', () => {
    const chart = Testing.chart();
    const cart = new MeshedDeployment(chart, 'cart', { containers: [{ image: 'cart', portNumber: 80 }] });
    expect(ports(cart)).toEqual(ports(cart));
    expect(Testing.synth(chart).filter(({ kind }) => kind === 'Service')).toHaveLength(1);
  });

  it('says how its requests are tried, and among which of its endpoints', () => {
    MeshService.of(shop.orders).configure({
      retries: { on: RetryOn.gatewayError().or(RetryOn.grpc('unavailable')) },
      ownZone: { maxLoad: 0.5 },
    });
    const [service] = shop.objects('Service').filter(({ metadata }) => metadata.name === 'orders');
    expect(service.metadata.annotations).toEqual({
      'retry.linkerd.io/http': 'gateway-error',
      'retry.linkerd.io/grpc': 'unavailable',
      'balancer.tulle.dev/zones': 'prefer',
      'balancer.tulle.dev/zones-max-load': '0.5',
    });
  });
});

describe('the tree is looked at when it is synthesized', () => {
  const route = (id: string, rules: ConstructorParameters<typeof HttpRoute>[2]['rules']) =>
    new HttpRoute(shop.chart, id, { metadata: { name: id }, parent: shop.orders, rules });
  const told = (path: string, message: string) =>
    `Validation failed with the following errors:\n  [shop/${path}] ${message}`;

  it('and a rule that an earlier one takes all requests of is told', () => {
    route('a', [{ matches: [Match.pathPrefix('/v2')] }, { matches: [Match.pathPrefix('/v2/'), Match.path('/v2')] }]);
    expect(shop.problems()).toBe(
      told(
        'a',
        'spec.rules[1].matches[0] never has a request, for rules[0] takes all of them: make it match more, or leave it out',
      ),
    );
  });

  it('and so is one that a later rule takes, which comes before it all the same', () => {
    route('a', [
      { matches: [Match.pathRegex('.*').header('x-a', '1')] },
      { matches: [Match.pathRegex('.*').headerRegex('x-a', '.*').method('GET')] },
      {},
    ]);
    expect(shop.problems()).toBe('');
    shop = new Shop();
    route('a', [{ matches: [Match.header('x-a', '1')] }, { matches: [Match.pathRegex('.*')] }]);
    expect(shop.problems()).toBe(
      told(
        'a',
        'spec.rules[0] never has a request, for rules[1] takes all of them: make it match more, or leave it out',
      ),
    );
  });

  it('and rules that are more specific than an earlier one are left alone', () => {
    route('a', [
      {},
      { matches: [Match.header('x-a', '1')] },
      { matches: [Match.pathPrefix('/a')] },
      { matches: [Match.path('/a')] },
      { matches: [Match.pathRegex('/[b-z]+')] },
    ]);
    expect(shop.problems()).toBe('');
  });

  it('and two routes in conflict are told, also where the other is raw', () => {
    route('b', [{}]);
    const parentRefs = [{ group: '', kind: 'Service', name: 'orders' }];
    shop.raw('HTTPRoute', 'a', { parentRefs, rules: [{}] });
    expect(shop.problems()).toBe(
      told(
        'b',
        'spec.rules[0] never has a request, for rules[0] of HTTPRoute shop/a takes all of them: make it match more, or leave it out',
      ),
    );
    shop.raw('GRPCRoute', 'a', { parentRefs, rules: [{}] });
    expect(shop.problems()).toContain(
      '[shop/b] spec.parentRefs never hold: GRPCRoute shop/a is of the same parent, which has routes of one kind',
    );
  });

  it('and routes of another port, host or namespace are no conflict', () => {
    route('a', [{}]);
    const parent = { group: '', kind: 'Service', name: 'orders' };
    new ApiObject(shop.chart, 'till', {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'till' } },
      spec: { ports: [{ port: 80 }, { port: 81 }] },
    });
    for (const port of [80, 81]) {
      shop.raw('HTTPRoute', `b-${port}`, { parentRefs: [{ ...parent, name: 'till', port }], rules: [{}] });
    }
    shop.raw('HTTPRoute', 'c', { parentRefs: [parent], hostnames: ['a.example'], rules: [{}] });
    const other = new Chart(shop.app, 'other', { namespace: 'other' });
    new HttpRoute(other, 'route', { parent: shop.orders, rules: [{}] });
    expect(shop.problems()).toBe('');
  });

  it('and a Service that is not of the app, or has lost its port, is told', () => {
    const elsewhere = new Service(new Chart(new App(), 'x'), 'y', { metadata: { name: 'y' }, ports: [{ port: 80 }] });
    route('a', [{ backends: [{ service: elsewhere }] }]);
    expect(shop.problems()).toBe(
      told(
        'a',
        "the Service default/y must be of this app: name it by MeshService.of('y', ...) where another makes it",
      ),
    );
    shop = new Shop();
    route('a', [{ backends: [{ service: MeshService.of('orders-next', { port: 81 }) }] }]);
    expect(shop.problems()).toBe(
      told(
        'a',
        'spec.rules[0].backendRefs[0].port (81) is none of the Service shop/orders-next, which has 8080: name one of these, or give the Service that port',
      ),
    );
  });

  it('and a Service of a List is one, with the ports that it has', () => {
    const item = (name: string, port: number) => ({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { ports: [{ port }] } },
    });
    new ApiObject(shop.chart, 'list', {
      apiVersion: 'v1',
      kind: 'List',
      items: [item('a', 80), item('b', 81)],
    } as never);
    const [a, b] = ['a', 'b'].map((name) => ({ service: MeshService.of(name, { port: 80 }) }));
    route('a', [{ backends: [a, b] }]);
    expect(shop.problems()).toBe(
      told(
        'a',
        'spec.rules[0].backendRefs[1].port (80) is none of the Service shop/b, which has 81: name one of these, or give the Service that port',
      ),
    );
  });

  it('and a workload that is given a second Service behind the back of its route is told', () => {
    const cart = shop.workload('cart', 80);
    new HttpRoute(shop.chart, 'a', { parent: cart, rules: [{}] });
    new Service(shop.chart, 'late', { selector: cart, ports: [{ port: 80 }] });
    expect(shop.problems()).toBe(
      told(
        'a',
        'shop/cart was given a Service of its own, since it had none, and shop/late/Resource leads to it, too: make that before the route',
      ),
    );
  });

  it('and so is one that it makes itself', () => {
    const cart = shop.workload('cart', 80);
    MeshService.of(cart);
    new HttpRoute(shop.chart, 'a', { parent: cart, rules: [{}] });
    shop.expose(cart, 'cart', 80);
    expect(shop.problems()).toContain(
      'and shop/cart/cartService/Resource leads to it, too: make that before the route',
    );
  });

  it('and raw routes of any shape are told as such, and are no obstacle', () => {
    route('b', [{ matches: [Match.path('/a').header('a', 'b')] }]);
    const parentRefs = [null, { group: '', kind: 'Service', name: 'orders' }];
    const matches = [null, 7, { path: 7, headers: 'x' }, { path: { value: 7 }, headers: [null, {}], queryParams: {} }];
    shop.raw('HTTPRoute', 'a', { parentRefs, rules: [null, 7, { matches: 'x' }, { matches }], hostnames: 'x' });
    const lines = shop.problems().split('\n').slice(1);
    expect(lines).toEqual(lines.map(() => expect.stringMatching(/^ {2}\[shop\/HTTPRoute-a\] spec\./)));
    expect(lines).toContainEqual(expect.stringContaining('spec.rules[1] (7) must be an object'));
  });

  it('each time anew', () => {
    const one = shop.raw('HTTPRoute', 'a', {
      parentRefs: [{ group: '', kind: 'Service', name: 'orders' }],
      rules: [{}],
    });
    route('b', [{}]);
    expect(shop.problems()).not.toBe('');
    shop.chart.node.tryRemoveChild(one.node.id);
    expect(shop.problems()).toBe('');
  });
});
