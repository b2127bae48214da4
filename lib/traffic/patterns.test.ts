import { ApiObject, App, Chart, Duration } from 'cdk8s';
import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { checkGatewayHttpRoute, checkGrpcRoute } from '../../control-plane/policy/validator/routes.ts';
import { MeshModel } from '../../model/mesh-model.ts';
import {
  BlueGreen,
  Canary,
  type CanaryProps,
  CanaryStep,
  Failover,
  FaultAbort,
  FaultInjection,
  Filter,
  GrpcRoute,
  HttpRoute,
  Match,
  MeshedDeployment,
  MeshService,
  Mirror,
  MirrorShare,
  PathRewrite,
  RetryOn,
  RouteProtocol,
  Staging,
  TrafficSplit,
} from '../index.ts';
import { Problems } from '../kinds/problems.ts';
import { Shop } from './testing/shop.ts';

let shop: Shop;
beforeEach(() => {
  shop = new Shop();
});

const grpcHeaders = { 'content-type': 'application/grpc' };

/** What the mesh makes of a call of `web`, which must be what it says: no rule of the app may be without effect. */
function call(path = '/', options: { headers?: Record<string, string>; method?: string; grpc?: string } = {}) {
  const model = MeshModel.of(shop.app);
  expect(model.problems).toEqual([]);
  const { grpc, headers, method } = options;
  const to = `http://orders:8080${grpc ?? path}`;
  if (grpc !== undefined)
    return model.call({ from: shop.web, to, method: 'POST', headers: { ...grpcHeaders, ...headers } });
  return model.call({ from: shop.web, to, headers, method });
}

const shares = (...args: Parameters<typeof call>) =>
  Object.fromEntries(call(...args).backends.map(({ service, share }) => [service, share]));

/** The route as it is synthesized, in which the validator of the control plane finds nothing. */
function route() {
  const [object] = [...shop.objects('HTTPRoute'), ...shop.objects('GRPCRoute')];
  const problems = new Problems();
  (object.kind === 'HTTPRoute' ? checkGatewayHttpRoute : checkGrpcRoute)(object as never, problems);
  expect(problems.list).toEqual([]);
  return object;
}

describe('Canary', () => {
  const canary = (props: Partial<CanaryProps>) =>
    new Canary(shop.chart, 'orders-canary', { primary: shop.orders, canary: shop.next, ...props });

  it('gives the new version its share', () => {
    canary({ weight: 10 });
    expect(route()).toMatchSnapshot();
    expect(shares()).toEqual({ orders: 0.9, 'orders-next': 0.1 });
    expect(call()).toMatchObject({ route: `HTTPRoute shop/${route().metadata.name}`, mtls: true, allowed: true });
  });

  it.each([
    [0, { orders: 1 }, { 'orders-next': 1 }],
    [1, { orders: 0.5, 'orders-next': 0.5 }, { 'orders-next': 1 }],
    [2, { 'orders-next': 1 }, { 'orders-next': 1 }],
  ])('goes on by a step: %j', (step, everybody, chosen) => {
    const header = Match.header('x-canary', '1');
    const steps = [CanaryStep.matching(header), CanaryStep.weight(50).and(header), CanaryStep.weight(100).and(header)];
    canary({ steps, step });
    expect(shares()).toEqual(everybody);
    expect(shares('/', { headers: { 'x-canary': '1' } })).toEqual(chosen);
  });

  it('is of gRPC, too, with retries', () => {
    canary({ weight: 50, protocol: RouteProtocol.grpc(), retries: { on: RetryOn.grpc('unavailable'), limit: 3 } });
    expect(route()).toMatchSnapshot();
    expect(shares('/', { grpc: '/shop.Orders/List' })).toEqual({ orders: 0.5, 'orders-next': 0.5 });
    expect(call('/', { grpc: '/shop.Orders/List' }).retries).toBe(3);
  });

  it('needs no Service of its versions: as the design has it', () => {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    const deployment = (id: string) =>
      new MeshedDeployment(chart, id, { replicas: 3, containers: [{ image: `shop/${id}:1.4`, portNumber: 8080 }] });
    const [web, orders, ordersNext] = ['web', 'orders', 'orders-next'].map(deployment);
    new Canary(chart, 'orders-canary', { primary: orders, canary: ordersNext, weight: 10 });
    const model = MeshModel.of(app);
    expect(model.problems).toEqual([]);
    const { name } = MeshService.of(orders);
    const { backends } = model.call({ from: web, to: `http://${name}:8080/` });
    expect(backends.map(({ service, share }) => [service, share])).toEqual([
      [name, 0.9],
      [MeshService.of(ordersNext).name, 0.1],
    ]);
  });

  it.each([
    [{}, "'weight' (undefined) must be there, or 'steps'"],
    [{ weight: 101 }, "'weight' (101) must be a whole number from 0 to 100"],
    [{ weight: Number.NaN }, "'weight' (NaN) must be a whole number from 0 to 100"],
    [{ weight: 1, steps: [] }, "'weight' (1) must not stand beside 'steps', which say it: leave one out"],
    [{ weight: 1, step: 1 }, "'step' (1) must stand beside 'steps', which it is one of"],
    [{ steps: [] }, "'steps' () must be one at least: CanaryStep.weight(10)"],
    [{ steps: [CanaryStep.weight(1)], step: 1 }, "'step' (1) must be from 0 to 0: there are 1 steps"],
    [{ steps: [CanaryStep.weight(1)], step: -1 }, "'step' (-1) must be from 0 to 0: there are 1 steps"],
  ])('refuses %j', (props, message) => {
    expect(() => canary(props)).toThrow(message);
  });
});

describe('TrafficSplit', () => {
  it('shares the requests by weight', () => {
    const third = shop.workload('third', 80);
    shop.expose(third, 'third', 80);
    const backends = [{ service: shop.orders, weight: 2 }, { service: shop.next }, { service: third, weight: 1 }];
    new TrafficSplit(shop.chart, 'split', { service: shop.orders, backends });
    expect(route()).toMatchSnapshot();
    expect(shares()).toEqual({ orders: 0.5, 'orders-next': 0.25, third: 0.25 });
  });

  it('leaves other requests to the Service', () => {
    const matches = [Match.pathPrefix('/v2')];
    new TrafficSplit(shop.chart, 'split', { service: shop.orders, matches, backends: [{ service: shop.next }] });
    expect(shares('/v2/items')).toEqual({ 'orders-next': 1 });
    expect(shares('/v1')).toEqual({ orders: 1 });
  });

  it('refuses to be of none', () => {
    expect(() => new TrafficSplit(shop.chart, 'split', { service: shop.orders, backends: [] })).toThrow(
      "'backends' () must be one at least: { service: orders, weight: 1 }",
    );
  });
});

describe('BlueGreen', () => {
  it.each([
    ['blue', 'orders'],
    ['green', 'orders-next'],
  ] as const)('gives all requests to %s', (active, service) => {
    new BlueGreen(shop.chart, 'switch', { blue: shop.orders, green: shop.next, active });
    expect(route()).toMatchSnapshot();
    expect(shares()).toEqual({ [service]: 1 });
  });

  it('is told by the construct, too', () => {
    const { orders, next } = shop;
    const green = new BlueGreen(shop.chart, 'switch', { blue: orders, green: next, active: next });
    expect(green.active).toBe('green');
    expect(shares()).toEqual({ 'orders-next': 1 });
    expect(() => new BlueGreen(shop.chart, 'other', { blue: orders, green: next, active: shop.web })).toThrow(
      "'active' (shop/web) must be 'blue', 'green', or what is given as one of them",
    );
    expect(() => new BlueGreen(shop.chart, 'same', { blue: orders, green: orders, active: 'blue' })).toThrow(
      "'green' (shop/orders:8080) must be another Service than 'blue'",
    );
  });
});

describe('Failover', () => {
  it('prefers the first, and has the next one ready', () => {
    const { orders: service, next, chart } = shop;
    new Failover(chart, 'failover', { service, backends: [next, service], below: 50 });
    expect(route()).toMatchSnapshot();
    expect(shares()).toEqual({ 'orders-next': 1, orders: 0 });
  });

  it.each([
    [{ backends: 1, below: undefined }, "'backends' (1) must be two at least: one, and what stands in for it"],
    [{ backends: 2, below: 0 }, "'below' (0) must be a percentage above 0 and up to 100"],
  ])('refuses %j', ({ backends, below }, message) => {
    const { orders, next, chart } = shop;
    const some = [orders, next].slice(0, backends);
    expect(() => new Failover(chart, 'failover', { service: orders, backends: some, below })).toThrow(message);
  });
});

describe('Staging', () => {
  it('sends single requests to the next version', () => {
    const matches = [Match.header('x-stage', 'next')];
    new Staging(shop.chart, 'stage', { stable: shop.orders, next: shop.next, matches, override: true });
    expect(route()).toMatchSnapshot();
    expect(shares('/', { headers: { 'X-Stage': 'next' } })).toEqual({ 'orders-next': 1 });
    expect(shares()).toEqual({ orders: 1 });
    const [service] = shop.objects('Service').filter(({ metadata }) => metadata.name === 'orders');
    expect(service.metadata.annotations).toEqual({ 'override.tulle.dev/to': 'orders-next' });
  });

  it('names what is of another namespace, once', () => {
    const service = MeshService.of(shop.orders);
    const cart = MeshService.of('cart', { namespace: 'carts' });
    service.allowOverrideBy(shop.next, cart).allowOverrideBy(cart);
    const [object] = shop.objects('Service').filter(({ metadata }) => metadata.name === 'orders');
    expect(object.metadata.annotations).toEqual({ 'override.tulle.dev/to': 'orders-next,cart.carts' });
  });

  it('refuses what stages nothing, or cannot', () => {
    const { orders: stable, next, chart } = shop;
    expect(() => new Staging(chart, 'stage', { stable, next, matches: [] })).toThrow(
      "'matches' () must say which requests: Match.header('x-stage', 'next')",
    );
    const far = MeshService.of('far', { port: 80 });
    const matches = [Match.header('x-stage', 'next')];
    expect(() => new Staging(chart, 'far', { stable: far, next, matches, override: true })).toThrow(
      "'service' (far:80) must be made in this app: annotate it where it is made",
    );
  });
});

describe('Mirror', () => {
  it('copies requests, which go where they went', () => {
    new Mirror(shop.chart, 'mirror', { service: shop.orders, to: shop.next, share: MirrorShare.percent(20) });
    expect(route()).toMatchSnapshot();
    expect(shares()).toEqual({ orders: 1 });
  });
});

describe('FaultInjection', () => {
  it('fails the requests of its rule, and no other', () => {
    const fault = new FaultInjection(shop.chart, 'fault', {
      delay: Duration.millis(1500),
      delayPercent: 10,
      abort: FaultAbort.http(503),
    });
    new HttpRoute(shop.chart, 'route', {
      parent: shop.orders,
      rules: [{ matches: [Match.path('/items')], filters: [Filter.fault(fault)] }, {}],
    });
    expect([route(), ...shop.objects('FaultInjection')]).toMatchSnapshot();
    expect(call('/items')).toMatchObject({ allowed: false, status: 503 });
    expect(call('/else')).toMatchObject({ allowed: true, status: undefined });
  });
});

describe('a route, as the model of the mesh has it,', () => {
  it('goes by what is most specific, is rewritten and redirected, and waits no longer than it says', () => {
    const { chart, orders, next } = shop;
    new HttpRoute(chart, 'route', {
      parent: orders,
      retries: { on: RetryOn.status(503).or(RetryOn.statusRange(500, 501)), limit: 2 },
      rules: [
        { matches: [Match.pathRegex('/items/\\d+')], backends: [{ service: next }] },
        {
          matches: [Match.pathPrefix('/v1').method('GET')],
          filters: [
            Filter.rewrite({ path: PathRewrite.prefix('/api') }),
            Filter.setRequestHeaders({ 'x-api-version': '1' }),
            Filter.removeRequestHeaders('x-debug'),
          ],
          timeouts: { request: Duration.millis(500) },
        },
        { matches: [Match.path('/old')], filters: [Filter.redirect({ path: PathRewrite.full('/v1') })] },
        { matches: [Match.query('debug', 'yes')], backends: [{ service: next }] },
        {},
      ],
    });
    route();
    expect(shares('/items/12')).toEqual({ 'orders-next': 1 });
    expect(shares('/items/x')).toEqual({ orders: 1 });
    expect(shares('/?debug=yes')).toEqual({ 'orders-next': 1 });
    expect(call('/old')).toMatchObject({ allowed: false, status: 302 });
    const { sent, timeoutMs, retries } = call('/v1/list', { headers: { 'x-debug': '1' } });
    expect([sent.path, timeoutMs, retries]).toEqual(['/api/list', 500, 2]);
    expect(sent.headers).toMatchObject({ 'x-api-version': '1' });
    expect(sent.headers).not.toHaveProperty('x-debug');
    expect(shares('/v1/list', { method: 'POST' })).toEqual({ orders: 1 });
  });

  it('fails what goes to a Service that is not there, or of a namespace that does not let it', () => {
    const { chart, orders } = shop;
    const other = new Chart(shop.app, 'third', { namespace: 'third' });
    const cart = new MeshedDeployment(other, 'cart', { containers: [{ image: 'shop/cart:1', portNumber: 80 }] });
    const far = MeshService.of('far', { port: 80 });
    new HttpRoute(chart, 'route', {
      parent: orders,
      rules: [{ matches: [Match.path('/far')], backends: [{ service: far }] }, { backends: [{ service: cart }] }],
    });
    expect(call('/far')).toMatchObject({ allowed: false, status: 500 });
    expect(call('/')).toMatchObject({ allowed: false, status: 500 });
  });

  it('tells methods of gRPC apart', () => {
    const { chart, orders, next } = shop;
    const matches = [Match.grpcMethod('shop.Orders', 'Place'), Match.grpcMethod('shop.v2.Orders')];
    new GrpcRoute(chart, 'route', { parent: orders, rules: [{ matches, backends: [{ service: next }] }, {}] });
    route();
    expect(shares('/', { grpc: '/shop.Orders/Place' })).toEqual({ 'orders-next': 1 });
    expect(shares('/', { grpc: '/shop.v2.Orders/Any' })).toEqual({ 'orders-next': 1 });
    expect(shares('/', { grpc: '/shop.Orders/List' })).toEqual({ orders: 1 });
  });
});

it('a pattern tells which of its props is wrong', () => {
  const { orders, next, chart } = shop;
  const map = new ApiObject(chart, 'map', { apiVersion: 'v1', kind: 'ConfigMap' });
  const none = '(shop/map) must be a Service, or a workload that has one: this is a ConfigMap';
  const matches = [Match.header('a', 'b')];
  expect(() => new Canary(chart, 'a', { primary: orders, canary: map, weight: 1 })).toThrow(`'canary' ${none}`);
  expect(() => new BlueGreen(chart, 'b', { blue: map, green: next, active: 'blue' })).toThrow(`'blue' ${none}`);
  expect(() => new Failover(chart, 'c', { service: orders, backends: [next, map] })).toThrow(`'backends' ${none}`);
  expect(() => new Staging(chart, 'd', { stable: orders, next: map, matches })).toThrow(`'next' ${none}`);
  expect(() => new Mirror(chart, 'e', { service: orders, to: map })).toThrow(`'to' ${none}`);
  const same = '(shop/orders:8080) must be another Service than';
  expect(() => new Canary(chart, 'f', { primary: orders, canary: orders, weight: 1 })).toThrow(`'canary' ${same}`);
  expect(() => new Failover(chart, 'g', { service: orders, backends: [orders, orders] })).toThrow(`'backends' ${same}`);
  expect(() => new Staging(chart, 'h', { stable: orders, next: orders, matches })).toThrow(`'next' ${same}`);
  expect(() => new Mirror(chart, 'i', { service: orders, to: orders })).toThrow(`'to' ${same}`);
});

it('patterns have types of their own', () => {
  expectTypeOf<CanaryProps['steps']>().toEqualTypeOf<CanaryStep[] | undefined>();
  const { orders: primary, next } = shop;
  // @ts-expect-error a share is a number
  expect(() => new Canary(shop.chart, 'a', { primary, canary: next, weight: '10' })).toThrow("'weight' (10) must be");
  // @ts-expect-error there is no third side
  expect(() => new BlueGreen(shop.chart, 'b', { blue: primary, green: next, active: 'red' })).toThrow("'active' (red)");
});
