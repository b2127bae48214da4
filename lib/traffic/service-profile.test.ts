import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiObject, Chart, Duration } from 'cdk8s';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { MeshModel } from '../../model/mesh-model.ts';
import {
  ApiDescription,
  HttpRoute,
  Mesh,
  MeshReference,
  MeshService,
  RequestCondition,
  ResponseCondition,
  ServiceProfile,
  type ServiceProfileProps,
} from '../index.ts';
import { Shop } from './testing/shop.ts';

let shop: Shop;
beforeEach(() => {
  shop = new Shop();
});
const items = RequestCondition.of('GET', '/items/[^/]*');
const profile = (props: Partial<ServiceProfileProps> = {}) =>
  new ServiceProfile(shop.chart, 'profile', {
    service: shop.orders,
    routes: [{ name: 'items', condition: items }],
    ...props,
  });
const openApi = `openapi: 3.1.0
info: { title: Orders, version: '1' }
paths:
  /items/{id}:
    get:
      x-linkerd-retryable: true
      x-linkerd-timeout: 250ms
      responses: { 200: {}, 503: {} }
    delete: {}
`;
const proto =
  'syntax = "proto3"; package shop.v1; service Orders { rpc Place(Order) returns (Receipt); rpc List(Q) returns (stream Order); }';

describe('a ServiceProfile', () => {
  it('is one with all that it can say, and requests go by it', () => {
    const { chart, orders, next } = shop;
    new ServiceProfile(chart, 'profile', {
      service: orders,
      routes: [
        {
          ...{ name: 'items', condition: items, isRetryable: true, timeout: Duration.millis(1500) },
          responseClasses: [
            { condition: ResponseCondition.status(404) },
            {
              condition: ResponseCondition.all(
                ResponseCondition.statusRange(500, 599),
                ResponseCondition.not(ResponseCondition.any(ResponseCondition.status(501))),
              ),
              isFailure: true,
            },
          ],
        },
        {
          name: 'writes',
          condition: RequestCondition.all(
            RequestCondition.path('/items'),
            RequestCondition.not(RequestCondition.any(RequestCondition.method('GET'), RequestCondition.method('HEAD'))),
          ),
        },
      ],
      retryBudget: { retryRatio: 0.1, minRetriesPerSecond: 5, ttl: Duration.seconds(30) },
      dstOverrides: [
        { service: orders, weight: 9 },
        { service: next, weight: 1 },
      ],
    });
    expect(shop.objects('ServiceProfile')).toMatchSnapshot();
    const model = MeshModel.of(shop.app);
    expect(model.problems).toEqual([]);
    const call = model.call({ from: shop.web, to: 'http://orders:8080/items/7' });
    expect(call).toMatchObject({
      route: 'ServiceProfile shop/orders: items',
      timeoutMs: 1500,
      retries: Number.POSITIVE_INFINITY,
    });
    expect(call.backends).toMatchObject([
      { service: 'orders', share: 0.9 },
      { service: 'orders-next', share: 0.1 },
    ]);
    expect(model.call({ from: shop.web, to: 'http://orders:8080/items', method: 'POST' }).route).toBe(
      'ServiceProfile shop/orders: writes',
    );
  });

  it('holds for callers of its namespace alone where that is not the Service’s, in the domain of the mesh', () => {
    MeshReference.of(shop.app, { clusterDomain: 'cluster.corp' });
    profile({ metadata: { namespace: 'callers' }, service: MeshService.of('far', { namespace: 'other' }) });
    const [{ metadata }] = shop.objects('ServiceProfile');
    expect(metadata).toEqual({ name: 'far.other.svc.cluster.corp', namespace: 'callers' });
  });

  it('is made of an OpenAPI document, with more said of its routes', () => {
    const settings = { 'DELETE /items/{id}': { timeout: Duration.seconds(1) } };
    ServiceProfile.fromOpenApi(shop.chart, 'profile', {
      service: shop.orders,
      description: ApiDescription.text(openApi),
      settings,
    });
    expect(shop.objects('ServiceProfile')).toMatchSnapshot();
    const call = MeshModel.of(shop.app).call({ from: shop.web, to: 'http://orders:8080/items/7' });
    expect(call).toMatchObject({ route: 'ServiceProfile shop/orders: GET /items/{id}', timeoutMs: 250 });
  });

  it('is made of a .proto file, some of whose methods may be tried again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'profile-'));
    writeFileSync(join(folder, 'orders.proto'), proto);
    const description = ApiDescription.file(join(folder, 'orders.proto'));
    rmSync(folder, { recursive: true });
    const settings = { List: { isRetryable: true } };
    ServiceProfile.fromProto(shop.chart, 'profile', { service: shop.orders, description, settings });
    expect(shop.objects('ServiceProfile')).toMatchSnapshot();
    const call = { from: shop.web, to: 'http://orders:8080/shop.v1.Orders/List', method: 'POST', grpc: true };
    expect(MeshModel.of(shop.app).call(call).route).toBe('ServiceProfile shop/orders: List');
  });

  it('reads OpenAPI in JSON, too', () => {
    const description = ApiDescription.text('{ "swagger": "2.0", "paths": { "/a": { "get": {} } } }');
    const { apiObject } = ServiceProfile.fromOpenApi(shop.chart, 'p', {
      service: shop.orders,
      description,
      basePath: '/v1',
    });
    expect(apiObject.toJson().spec.routes[0].condition).toEqual({ method: 'GET', pathRegex: '/v1/a' });
  });
});

describe('a ServiceProfile is refused with', () => {
  const of = (text: string) => ({ service: shop.orders, description: ApiDescription.text(text) });
  const nested = (depth: number): RequestCondition => (depth === 0 ? items : RequestCondition.not(nested(depth - 1)));
  it.each<[string, () => unknown, string]>([
    [
      'nothing to say',
      () => profile({ routes: [] }),
      "'routes' () must be one at least, or dstOverrides must be given",
    ],
    [
      'another name',
      () => profile({ metadata: { name: 'x' } }),
      "'name' (x) must be left out: a profile has the name orders.shop.svc.cluster.local",
    ],
    [
      'a name that is too long',
      () => profile({ clusterDomain: `${'abcdefghi.'.repeat(24)}example` }),
      'must have a name of at most 253 characters',
    ],
    [
      'two routes of a name',
      () =>
        profile({
          routes: [
            { name: 'a', condition: items },
            { name: 'a', condition: RequestCondition.path('/') },
          ],
        }),
      "'name' (a) must be of one route",
    ],
    [
      'two routes of a condition',
      () =>
        profile({
          routes: [
            { name: 'a', condition: items },
            { name: 'b', condition: items },
          ],
        }),
      "'condition' (b) must be another one than that of 'a', which takes all",
    ],
    [
      'a route without a name',
      () => profile({ routes: [{ name: '', condition: items }] }),
      "'name' () must have from 1 to 256 characters",
    ],
    [
      'no timeout',
      () => profile({ routes: [{ name: 'a', condition: items, timeout: Duration.millis(0) }] }),
      "'timeout' (0 ms) must be at least a millisecond",
    ],
    [
      'a ratio below nothing',
      () => profile({ retryBudget: { retryRatio: -1 } }),
      "'retryRatio' (-1) must be a number from 0 to 1000",
    ],
    [
      'no number of retries',
      () => profile({ retryBudget: { minRetriesPerSecond: 0.5 } }),
      "'minRetriesPerSecond' (0.5) must be a whole number",
    ],
    [
      'a budget for no time',
      () => profile({ retryBudget: { ttl: Duration.millis(1) } }),
      "'ttl' (1ms) must be from 100 milliseconds to 10 minutes",
    ],
    [
      'no destination',
      () => profile({ dstOverrides: [{ service: shop.next, weight: 0 }] }),
      "'dstOverrides' (1) must have one with a weight above 0",
    ],
    [
      'a weight below nothing',
      () => profile({ dstOverrides: [{ service: shop.next, weight: -1 }] }),
      "'weight' (-1) must be a whole number from 0 to 400000",
    ],
    [
      'a destination without a port',
      () => profile({ dstOverrides: [{ service: MeshService.of('x'), weight: 1 }] }),
      "'service' (x) must have a port",
    ],
    [
      'a pattern that proxies cannot match by',
      () => RequestCondition.path('(a)\\1'),
      "'pathRegex' ((a)\\1) must be a regular expression that proxies match by",
    ],
    ['a pattern of nothing', () => RequestCondition.path(''), "'pathRegex' () must not be empty"],
    [
      'a method in small letters',
      () => RequestCondition.method('get'),
      "'method' (get) must be a method of HTTP in capitals",
    ],
    ['none of no conditions', () => RequestCondition.any(), "'any' () must name a condition"],
    ['conditions in too many others', () => nested(17), "'condition' (17) must not stand in more than 16 others"],
    [
      'a status that is none',
      () => ResponseCondition.status(99),
      "'first' (99) must be a whole number from 100 to 599",
    ],
    [
      'statuses turned round',
      () => ResponseCondition.statusRange(500, 400),
      "'first' (500) must not be above 'last' (400): turn them round",
    ],
    [
      'a file that is not there',
      () => ApiDescription.file('no/such.yaml'),
      "'path' (no/such.yaml) must be a file that can be read: ENOENT",
    ],
    [
      'a document that is none',
      () => ServiceProfile.fromOpenApi(shop.chart, 'p', of('openapi: 3.0.0\npaths: 7')),
      "'description' (openapi: 3.0.0\npaths: 7...) cannot be read: paths (7) must be an object",
    ],
    [
      'two documents',
      () => ServiceProfile.fromOpenApi(shop.chart, 'p', of('a: 1\n---\nb: 1')),
      'cannot be read: it must be one document, and is 2',
    ],
    [
      'no operation',
      () => ServiceProfile.fromProto(shop.chart, 'p', of('package a;')),
      "'description' (package a;...) must describe an operation",
    ],
    [
      'a .proto that is none',
      () => ServiceProfile.fromProto(shop.chart, 'p', of('rpc x')),
      "'description' (rpc x...) cannot be read: line 1: 'rpc' must begin a statement",
    ],
    [
      'settings of what is not described',
      () => ServiceProfile.fromProto(shop.chart, 'p', { ...of(proto), settings: { Plce: {} } }),
      "'settings' (Plce) must be of a route that is described: Place, List",
    ],
  ])('%s', (_, make, message) => expect(make).toThrow(message));

  it('nothing of what the validator takes: any valid props are fine for it', () => {
    const regex = fc.stringMatching(/^\/[a-z./*+[\]^-]{0,10}$/).filter((text) => {
      try {
        return RequestCondition.path(text) !== undefined;
      } catch {
        return false;
      }
    });
    const { condition } = fc.letrec<{ condition: RequestCondition }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 3 },
        regex.map((text) => RequestCondition.path(text)),
        fc.constantFrom('GET', 'M-SEARCH').map((method) => RequestCondition.method(method)),
        fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((all) => RequestCondition.all(...all)),
        fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((any) => RequestCondition.any(...any)),
        tie('condition').map((not) => RequestCondition.not(not)),
      ),
    }));
    const ms = (max: number) => fc.integer({ min: 100, max }).map((value) => Duration.millis(value));
    const route = fc.record(
      { name: fc.string({ minLength: 1, maxLength: 20 }), condition, isRetryable: fc.boolean(), timeout: ms(1e9) },
      { requiredKeys: ['name', 'condition'] },
    );
    const retryBudget = fc.record(
      {
        retryRatio: fc.double({ min: 0, max: 1000, noNaN: true }),
        minRetriesPerSecond: fc.nat(1_000_000),
        ttl: ms(600_000),
      },
      { requiredKeys: [] },
    );
    const routes = fc.uniqueArray(route, {
      minLength: 1,
      maxLength: 5,
      comparator: (a, b) =>
        a.name === b.name || JSON.stringify(a.condition._fields) === JSON.stringify(b.condition._fields),
    });
    fc.assert(
      fc.property(fc.record({ routes, retryBudget }, { requiredKeys: ['routes'] }), (props) => {
        shop = new Shop();
        expect(validateObject(profile(props).apiObject.toJson())).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a ServiceProfile is looked at when the app is synthesized', () => {
  const told = (message: string) => `Validation failed with the following errors:\n  [shop/profile] ${message}`;

  it('and a route of its Service that never holds is told', () => {
    new HttpRoute(shop.chart, 'route', { metadata: { name: 'route' }, parent: shop.orders, rules: [{}] });
    profile();
    expect(shop.problems()).toBe(
      told(
        'ServiceProfile shop/orders.shop.svc.cluster.local: is of the same Service as HTTPRoute shop/route, which never holds: a ServiceProfile stands before it: leave one of them out',
      ),
    );
  });

  it('and routes of others, or for other callers, are no conflict', () => {
    new HttpRoute(shop.chart, 'route', { parent: shop.orders, rules: [{}] });
    new HttpRoute(shop.chart, 'other', { parent: shop.next, rules: [{}] });
    profile({ metadata: { namespace: 'callers' } });
    expect(shop.problems()).toBe('');
  });

  it('and a second profile of the Service is told, also a raw one', () => {
    profile();
    new ApiObject(shop.chart, 'raw', {
      ...{
        apiVersion: 'linkerd.io/v1alpha1',
        kind: 'ServiceProfile',
        metadata: { name: 'orders.shop.svc.cluster.local' },
      },
    });
    expect(shop.problems()).toBe(
      told('shop/raw is a ServiceProfile of the same Service in the same namespace: write one'),
    );
  });

  it('and a Service that is not of the app, or lacks the port, is told', () => {
    profile({ dstOverrides: [{ service: MeshService.of('orders-next', { port: 81 }), weight: 1 }] });
    expect(shop.problems()).toBe(
      told(
        'spec.dstOverrides[0].authority (81) is none of the Service shop/orders-next, which has 8080: name one of these, or give the Service that port',
      ),
    );
  });

  it('and a mesh of another cluster domain that comes later is told', () => {
    profile();
    new Mesh(new Chart(shop.app, 'mesh'), 'mesh', { clusterDomain: 'cluster.corp' });
    expect(shop.problems()).toContain(
      "[shop/profile] the profile is named for the cluster domain cluster.local, and the mesh has cluster.corp: make the Mesh before it, or give 'clusterDomain'",
    );
  });
});
