import { ApiObject, App, Chart } from 'cdk8s';
import { ServiceAccount } from 'cdk8s-plus-27';
import { beforeEach, describe, expect, it } from 'vitest';
import { MeshedDeployment } from '../lib/index.ts';
import { anyone, MeshModel } from './mesh-model.ts';

const group = 'policy.linkerd.io';
const gateway = 'gateway.networking.k8s.io/v1';

/** A shop: `web` calls `orders`, which has a next version beside it. */
class Shop {
  readonly app = new App();
  readonly chart = new Chart(this.app, 'shop', { namespace: 'shop' });
  readonly web = this.workload('web', 80);
  readonly orders = this.workload('orders', 8080);
  readonly next = this.workload('orders-next', 8080);
  readonly batch = this.workload('batch', undefined);

  private workload(name: string, port: number | undefined): MeshedDeployment {
    const made = new MeshedDeployment(this.chart, name, {
      metadata: { name },
      serviceAccount: new ServiceAccount(this.chart, `${name}-account`, { metadata: { name } }),
      containers: [{ image: `shop/${name}:1`, ...(port === undefined ? {} : { portNumber: port }) }],
    });
    if (port !== undefined) made.exposeViaService({ name, ports: [{ port }] });
    return made;
  }

  object(kind: string, name: string, spec: object, apiVersion = `${group}/v1alpha1`): void {
    new ApiObject(this.chart, `${kind}-${name}`, { apiVersion, kind, metadata: { name }, ...{ spec } });
  }

  server(name: string, app: MeshedDeployment, port: number, more: object = {}): void {
    const { matchLabels } = (ApiObject.of(app).toJson() as { spec: { selector: { matchLabels: object } } }).spec
      .selector;
    this.object('Server', name, { podSelector: { matchLabels }, port, ...more }, `${group}/v1beta3`);
  }

  allow(name: string, target: object, ...accounts: string[]): void {
    this.object('AuthorizationPolicy', name, {
      targetRef: target,
      requiredAuthenticationRefs: accounts.map((account) => ({ kind: 'ServiceAccount', name: account })),
    });
  }

  model(): MeshModel {
    return MeshModel.of(this.app);
  }
}

let shop: Shop;
beforeEach(() => {
  shop = new Shop();
});
const account = (workload: MeshedDeployment): string => String(workload.mesh.identity.split('.')[0]);
const canary = (rules: object[]): void =>
  shop.object(
    'HTTPRoute',
    'orders-canary',
    { parentRefs: [{ group: '', kind: 'Service', name: 'orders', port: 8080 }], rules },
    gateway,
  );

describe('a call', () => {
  it('without any rule is let in, encrypted, and goes to the Service that it names', () => {
    const result = shop.model().call({ from: shop.web, to: 'http://orders:8080/v2/items' });
    expect(result).toMatchObject({
      ...{ allowed: true, by: 'default all-unauthenticated', status: undefined, route: undefined, mtls: true },
      ...{ retries: 0, timeoutMs: undefined },
      backends: [{ service: 'orders', port: 8080, share: 1 }],
    });
  });

  it('goes by the route that fits it, with its timeout, its retries, and by whom it is let in', () => {
    shop.server('orders', shop.orders, 8080, { accessPolicy: 'deny' });
    shop.server('orders-next', shop.next, 8080, { accessPolicy: 'deny' });
    for (const name of ['orders', 'orders-next']) {
      shop.allow(`${name}-from-web`, { group, kind: 'Server', name }, account(shop.web));
    }
    canary([
      {
        matches: [{ headers: [{ name: 'x-canary', value: '1' }] }],
        backendRefs: [{ name: 'orders-next', port: 8080 }],
        timeouts: { request: '500ms' },
      },
      {
        backendRefs: [
          { name: 'orders', port: 8080, weight: 9 },
          { name: 'orders-next', port: 8080, weight: 1 },
        ],
      },
    ]);
    const model = shop.model();
    expect(model.problems).toEqual([]);
    const to = 'http://orders.shop:8080/v2/items';
    expect(model.call({ from: shop.web, to, headers: { 'X-Canary': '1' } })).toMatchObject({
      ...{ allowed: true, by: 'AuthorizationPolicy shop/orders-next-from-web', timeoutMs: 500, mtls: true },
      route: 'HTTPRoute shop/orders-canary',
      backends: [{ service: 'orders-next', share: 1 }],
    });
    const shares = model.call({ from: 'shop/web', to }).backends.map(({ service, share }) => [service, share]);
    expect(shares).toEqual([
      ['orders', 0.9],
      ['orders-next', 0.1],
    ]);
    const refused = model.call({ from: shop.batch, to });
    expect(refused).toMatchObject({ allowed: false, status: 403, by: 'nothing lets this client in' });
    expect(refused.steps).toContain(
      `AuthorizationPolicy shop/orders-from-web is for ${shop.web.mesh.identity}, and the client is ${shop.batch.mesh.identity}`,
    );
  });

  it('that an authorizer is asked about tells so, and one that nobody can be asked about is as its object says', () => {
    const result = (name: string, failureMode: string) => {
      shop = new Shop();
      shop.server('orders', shop.orders, 8080, { accessPolicy: 'all-unauthenticated' });
      const targetRef = { group, kind: 'Server', name: 'orders' };
      const spec = { targetRef, backendRef: { name, port: 80 }, failureMode };
      shop.object('ExternalAuthorization', 'orders', spec, 'tulle.dev/v1alpha1');
      return shop.model().call({ from: shop.web, to: 'http://orders:8080/' });
    };
    const asked = result('web', 'Closed');
    expect(asked.allowed).toBe(true);
    expect(asked.steps).toContain('web.shop.svc.cluster.local:80 is asked about it');
    const by = 'nobody can be asked about it: there is no Service shop/gone';
    expect(result('gone', 'Closed')).toMatchObject({ allowed: false, status: 403, by });
    expect(result('gone', 'Open')).toMatchObject({ allowed: true });
  });

  it('from outside proves nothing, and goes by no rule of traffic', () => {
    shop.server('orders', shop.orders, 8080, { accessPolicy: 'all-authenticated' });
    canary([{ backendRefs: [{ name: 'orders-next', port: 8080 }] }]);
    const result = shop.model().call({ to: 'http://orders.shop:8080/' });
    expect(result).toMatchObject({ allowed: false, status: 403, mtls: false, backends: [{ service: 'orders' }] });
  });

  it('that no rule fits is answered with 404, and one whose backend is missing with 500', () => {
    canary([{ matches: [{ path: { type: 'Exact', value: '/a' } }], backendRefs: [{ name: 'gone', port: 8080 }] }]);
    const model = shop.model();
    expect(model.call({ from: shop.web, to: 'http://orders:8080/b' })).toMatchObject({ allowed: false, status: 404 });
    expect(model.call({ from: shop.web, to: 'http://orders:8080/a' })).toMatchObject({ allowed: false, status: 500 });
  });

  it('is told as it comes to the application, where a rule rewrites it', () => {
    canary([
      {
        matches: [{ path: { type: 'PathPrefix', value: '/old' } }],
        filters: [
          { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } } },
          { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-by', value: 'mesh' }] } },
        ],
        backendRefs: [{ name: 'orders', port: 8080 }],
      },
      {
        matches: [{ path: { type: 'PathPrefix', value: '/gone' } }],
        filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'elsewhere.org', statusCode: 301 } }],
      },
    ]);
    const model = shop.model();
    expect(model.call({ from: shop.web, to: 'http://orders:8080/old/a?b=c' }).sent).toMatchObject({
      path: '/new/a?b=c',
      headers: { 'x-by': 'mesh' },
    });
    expect(model.call({ from: shop.web, to: 'http://orders:8080/gone' })).toMatchObject({ status: 301, backends: [] });
  });

  it('is refused by the route of the called port that shuts its path', () => {
    shop.server('orders', shop.orders, 8080, { accessPolicy: 'deny' });
    const parentRefs = [{ group, kind: 'Server', name: 'orders' }];
    const rules = [{ matches: [{ path: { type: 'PathPrefix', value: '/public' } }] }];
    shop.object('HTTPRoute', 'public', { parentRefs, rules }, `${group}/v1beta3`);
    shop.allow('public', { group, kind: 'HTTPRoute', name: 'public' }, account(shop.web));
    const model = shop.model();
    const ask = (path: string) => model.call({ from: shop.web, to: `http://orders:8080${path}` });
    expect(ask('/public/a')).toMatchObject({ allowed: true, inboundRoute: 'HTTPRoute shop/public' });
    expect(ask('/private')).toMatchObject({ allowed: false, status: 404 });
    expect(ask('/public/..%2fprivate')).toMatchObject({ allowed: false });
  });

  it.each([
    [{ from: 'shop/nobody', to: 'http://orders:8080/' }, "'shop/nobody' is no workload"],
    [{ from: 'a/b/c/d', to: 'http://orders:8080/' }, "'a/b/c/d' must be the name of a workload"],
    [{ from: 'shop/web', to: 'orders:8080' }, "'to' (orders:8080) must be a URL"],
    [{ from: 'shop/web', to: 'https://orders/' }, "'to' (https://orders/) must be a URL"],
  ])('that cannot be meant throws: %o', (options, message) => {
    expect(() => shop.model().call(options)).toThrow(message);
  });
});

describe('the callers of a workload', () => {
  it('are those that a policy names', () => {
    shop.server('orders', shop.orders, 8080, { accessPolicy: 'deny' });
    shop.allow('orders-from-web', { group, kind: 'Server', name: 'orders' }, account(shop.web));
    expect(shop.model().callersOf(shop.orders)).toEqual([shop.web.mesh.identity]);
  });

  it('are everybody, without an identity too, where nothing is said', () => {
    expect(shop.model().callersOf(shop.orders)).toContain(anyone);
  });

  it('are all meshed ones, and nobody else, where identities are asked for', () => {
    shop.server('orders', shop.orders, 8080, { accessPolicy: 'all-authenticated' });
    const all = [shop.web, shop.orders, shop.next, shop.batch].map(({ mesh }) => mesh.identity);
    expect(shop.model().callersOf(shop.orders)).toEqual([...all].sort());
  });
});

describe('a comparison', () => {
  it('tells which calls a change opens and shuts', () => {
    const closed = new Shop();
    closed.server('orders', closed.orders, 8080, { accessPolicy: 'deny' });
    closed.allow('a', { group, kind: 'Server', name: 'orders' }, account(closed.web));
    const other = new Shop();
    other.server('orders', other.orders, 8080, { accessPolicy: 'deny' });
    other.allow('a', { group, kind: 'Server', name: 'orders' }, account(other.batch));
    const { opened, shut } = MeshModel.compare(closed.model(), other.model());
    const call = { to: 'shop/deployment/orders', port: 8080 };
    expect(opened).toMatchObject([{ ...call, from: 'shop/deployment/batch' }]);
    expect(shut).toMatchObject([{ ...call, from: 'shop/deployment/web' }]);
    expect(MeshModel.compare(closed.model(), closed.model())).toEqual({ opened: [], shut: [], moved: [] });
  });

  it('tells which calls go elsewhere', () => {
    const before = shop.model();
    shop = new Shop();
    canary([{ backendRefs: [{ name: 'orders-next', port: 8080 }] }]);
    const { moved, opened } = MeshModel.compare(before, shop.model());
    expect(opened).toEqual([]);
    expect(moved).toContainEqual({
      from: 'shop/deployment/web',
      to: 'http://orders.shop:8080/',
      before: '100 % shop/orders:8080',
      after: '100 % shop/orders-next:8080 by HTTPRoute shop/orders-canary',
    });
  });
});
