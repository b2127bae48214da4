import { Chart } from 'cdk8s';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { MeshModel } from '../../model/mesh-model.ts';
import {
  EgressPolicy,
  EgressTraffic,
  HttpRoute,
  MeshService,
  RouteParent,
  RouteVersion,
  TcpRoute,
  TlsRoute,
  type TlsRouteProps,
} from '../index.ts';
import { Shop } from './testing/shop.ts';

let shop: Shop;
beforeEach(() => {
  shop = new Shop();
});
const told = (path: string, message: string) =>
  `Validation failed with the following errors:\n  [shop/${path}] ${message}`;

describe('a TcpRoute', () => {
  it('is a TCPRoute that shares the connections of a Service out', () => {
    const { chart, orders, next } = shop;
    const backends = [{ service: orders, weight: 9 }, { service: next }];
    new TcpRoute(chart, 'orders-split', { parent: orders, backends });
    expect(shop.objects('TCPRoute')).toMatchSnapshot();
    const call = MeshModel.of(shop.app).call({ from: shop.web, to: 'tcp://orders:8080' });
    expect(call).toMatchObject({
      ...{ allowed: true, mtls: true, route: expect.stringMatching(/^TCPRoute shop\/shop-orders-split-/) },
      backends: [
        { service: 'orders', share: 0.9 },
        { service: 'orders-next', share: 0.1 },
      ],
    });
  });

  it('is of the version that the cluster has, and by itself sends to what was called', () => {
    const metadata = { name: 'all', namespace: 'callers' };
    new TcpRoute(shop.chart, 'all', { metadata, parent: shop.orders, version: RouteVersion.v1alpha2() });
    const [{ apiVersion, spec }] = shop.objects('TCPRoute');
    expect(apiVersion).toBe('gateway.networking.k8s.io/v1alpha2');
    expect(spec.rules).toEqual([{ backendRefs: [{ name: 'orders', namespace: 'shop', port: 8080 }] }]);
  });
});

describe('a TlsRoute', () => {
  it('is a TLSRoute that lets out of the cluster what asks for its names', () => {
    const out = new Chart(shop.app, 'egress', { namespace: 'tulle-egress' });
    const network = new EgressPolicy(out, 'outside', { traffic: EgressTraffic.deny() });
    const parent = RouteParent.egressNetwork(network, 443);
    new TlsRoute(out, 'api', { metadata: { name: 'api' }, parent, hostnames: ['pay.example', '*.api.example'] });
    shop.app.synthYaml();
    expect(out.toJson()).toMatchSnapshot();
    const model = MeshModel.of(shop.app);
    const call = (serverName: string) => model.call({ from: shop.web, to: 'tls://203.0.113.7', serverName });
    expect(call('v1.API.example')).toMatchObject({ allowed: true, route: 'TLSRoute tulle-egress/api' });
    expect(call('pay.example').allowed).toBe(true);
    expect(call('other.example')).toMatchObject({ allowed: false });
    expect(model.call({ from: shop.web, to: 'tcp://203.0.113.7:443' }).allowed).toBe(false);
  });

  it('sends names of a Service to other ones', () => {
    const { chart, orders, next } = shop;
    const hostnames = ['next.orders.example'];
    new TlsRoute(chart, 'by-name', { parent: orders, hostnames, backends: [{ service: next }] });
    shop.app.synthYaml();
    const model = MeshModel.of(shop.app);
    const to = 'tls://orders:8080';
    expect(model.call({ from: shop.web, to, serverName: 'next.orders.example' }).backends).toMatchObject([
      { service: 'orders-next', share: 1 },
    ]);
    expect(model.call({ from: shop.web, to })).toMatchObject({
      allowed: false,
      by: 'no rule of its routes fits the connection',
    });
  });

  const tls = (more: Partial<TlsRouteProps>) =>
    new TlsRoute(shop.chart, 'route', { parent: shop.orders, hostnames: ['a.example'], ...more });
  it.each<[string, () => unknown, string]>([
    ['no name', () => tls({ hostnames: [] }), "'hostnames' (0) must be from 1 to 16"],
    [
      'an address',
      () => tls({ hostnames: ['10.0.0.1'] }),
      "'hostnames' (10.0.0.1) must be names: TLS clients ask for no address",
    ],
    [
      'a name in capitals',
      () => tls({ hostnames: ['A.example'] }),
      "'hostnames' (A.example) must be names in lower case",
    ],
    [
      'a Server',
      () => tls({ parent: RouteParent.server('orders') }),
      "'parent' (Server) must be a Service or an EgressNetwork",
    ],
    ['no backend', () => tls({ backends: [] }), "'backends' () must be one at least: leave it out for what was called"],
    [
      'a backend without weight',
      () => tls({ backends: [{ service: shop.next, weight: 0 }] }),
      "'weight' (0) must be above 0",
    ],
    ['a Service without a port', () => tls({ parent: MeshService.of('far') }), "'parent' (far) must have a port"],
    [
      'an object of another kind',
      () => RouteParent.egressNetwork(shop.service, 443),
      'must be an EgressNetwork, and is a Service',
    ],
    [
      'a name that is none',
      () => RouteParent.egressNetwork('A b', 443),
      "'parent' (A b) must be the name of an EgressNetwork",
    ],
  ])('is refused with %s', (_, make, message) => {
    expect(() => make()).toThrow(message);
  });

  it('of any valid props is what the validator takes', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    const name = fc
      .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 4 }))
      .map(([all, parts]) => `${all ? '*.' : ''}${parts.join('.')}`);
    const weight = fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined });
    const backend = fc.record({ to: label, port: fc.integer({ min: 1, max: 65_535 }), weight });
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 16 }),
        fc.option(fc.array(backend, { minLength: 1, maxLength: 16 }), { nil: undefined }),
        fc.constantFrom(RouteVersion.v1(), RouteVersion.v1alpha2()),
        (hostnames, given, version) => {
          shop = new Shop();
          const backends = given?.map(({ to, port, weight }) => ({ service: MeshService.of(to, { port }), weight }));
          const tlsRoute = tls({ hostnames, backends, version });
          const tcpRoute = new TcpRoute(shop.chart, 'tcp', { parent: shop.next, backends, version });
          for (const { apiObject } of [tlsRoute, tcpRoute]) expect(validateObject(apiObject.toJson())).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('routes of connections are looked at when they are synthesized', () => {
  const named = (name: string) => ({ metadata: { name }, parent: shop.orders });

  it('and one beside a route that tells more never holds', () => {
    new TcpRoute(shop.chart, 'bytes', named('bytes'));
    new TlsRoute(shop.chart, 'names', { ...named('names'), ...{ hostnames: ['a.example'] } });
    expect(shop.problems()).toBe(
      told(
        'bytes',
        'spec.parentRefs never hold: TLSRoute shop/names is of the same port, and comes before a TCPRoute: leave one of them out',
      ),
    );
    new HttpRoute(shop.chart, 'requests', { ...named('requests'), rules: [{}] });
    expect(shop.problems()).toContain(
      '[shop/names] spec.parentRefs never hold: HTTPRoute shop/requests is of the same port',
    );
  });

  it('and the second of two of one port has nothing left', () => {
    new TcpRoute(shop.chart, 'b', named('b'));
    new TcpRoute(shop.chart, 'a', named('a'));
    expect(shop.problems()).toBe(
      told('b', 'spec.parentRefs never hold: TCPRoute shop/a has all connections of the port: write one route'),
    );
    shop = new Shop();
    new TlsRoute(shop.chart, 'b', { ...named('b'), ...{ hostnames: ['b.example', 'x.example'] } });
    new TlsRoute(shop.chart, 'a', { ...named('a'), ...{ hostnames: ['x.example', '*.example'] } });
    expect(shop.problems()).toBe(
      told(
        'b',
        'spec.hostnames[1] (x.example) never has a connection: TLSRoute shop/a takes all of them: leave it out',
      ),
    );
  });

  it('and a port that says what it speaks has none', () => {
    const ports = [
      { port: 9000, appProtocol: 'kubernetes.io/h2c' },
      { port: 9001, appProtocol: 'mysql' },
      { port: 9002, appProtocol: 'mysql' },
    ];
    const far = (port: number) => MeshService.of('typed', { port });
    shop.typedService('typed', ports);
    new TcpRoute(shop.chart, 'h2c', { parent: far(9000) });
    new TcpRoute(shop.chart, 'mysql', { parent: far(9001) });
    new TlsRoute(shop.chart, 'tls', { parent: far(9002), hostnames: ['a.example'] });
    const message = (port: number, says: string, kind: string) =>
      `spec.parentRefs[0] never holds: port ${port} of the Service shop/typed says what it speaks, appProtocol '${says}', which is no ${kind}'s: leave that out`;
    expect(shop.problems()).toContain(`[shop/h2c] ${message(9000, 'kubernetes.io/h2c', 'TCPRoute')}`);
    expect(shop.problems()).toContain(`[shop/tls] ${message(9002, 'mysql', 'TLSRoute')}`);
    expect(shop.problems()).not.toContain('[shop/mysql]');
  });

  it('and those of other ports and namespaces are left alone', () => {
    new TcpRoute(shop.chart, 'a', named('a'));
    new TcpRoute(shop.chart, 'b', { metadata: { name: 'b' }, parent: shop.next });
    const other = new Chart(shop.app, 'other', { namespace: 'other' });
    new TcpRoute(other, 'c', { parent: shop.orders });
    expect(shop.problems()).toBe('');
  });

  it('and one of no shape is told as such, and is no obstacle', () => {
    new TcpRoute(shop.chart, 'a', named('a'));
    shop.raw('TLSRoute', 'd', { parentRefs: [null, { name: 7 }], hostnames: 'x', rules: 7 });
    const lines = shop.problems().split('\n').slice(1);
    expect(lines).toEqual(lines.map(() => expect.stringMatching(/^ {2}\[shop\/TLSRoute-d\] spec\./)));
    expect(lines).toContainEqual(expect.stringContaining('spec.rules (7) must be a list'));
  });
});
