import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PolicyWorld } from '../testing.ts';

let world: PolicyWorld;
afterEach(() => world.stop());

const service = (name = 'web', annotations: object = {}, port: object = {}, namespace = 'shop') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, annotations },
  spec: { clusterIP: '10.96.0.10', ports: [{ name: 'http', port: 80, ...port }] },
});
const route = (name: string, rule: object = {}, metadata: object = {}, spec: object = {}) => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'shop', ...metadata },
  spec: {
    parentRefs: [{ group: 'core', kind: 'Service', name: 'web', namespace: 'shop', port: 80 }],
    rules: [rule],
    ...spec,
  },
});
const gateway = (kind: string, name: string, rule: object = {}, metadata: object = {}) => ({
  ...route(name, rule, metadata),
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
});

/** Lets HTTPRoutes of the policy group in `shop` name Services of a namespace. */
const grant = (namespace: string, to: object = {}) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'ReferenceGrant',
  metadata: { name: 'grant', namespace },
  spec: {
    from: [{ group: 'policy.linkerd.io', kind: 'HTTPRoute', namespace: 'shop' }],
    to: [{ group: '', kind: 'Service', ...to }],
  },
});

interface Route {
  tracing?: { sampleRate?: number };
  metadata: { default?: string; resource?: { kind: string; name: string; namespace: string } };
  rules: Record<string, object>[];
}
interface Protocol {
  routes: Route[];
  http1: Protocol;
  failureAccrual?: object;
}
interface Policy {
  metadata: object;
  protocol: Record<string, Protocol>;
}

async function policyOf(...objects: object[]): Promise<Policy> {
  world = await PolicyWorld.start(objects);
  const seen = world.watchOutbound('web.shop.svc.cluster.local:80');
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  return seen.messages[0] as Policy;
}
const kindOf = ({ protocol }: Policy): string => Object.keys(protocol)[0];
const routesOf = ({ protocol }: Policy): Route[] =>
  (protocol.detect?.http1 ?? protocol.http1 ?? protocol.http2 ?? protocol.grpc ?? protocol.opaque).routes;
const namesOf = (policy: Policy): (string | undefined)[] =>
  routesOf(policy).map(({ metadata }) => metadata.default ?? metadata.resource?.name);

describe('the protocol of a port', () => {
  test.each<[string, object[], string]>([
    ['is looked for', [service()], 'detect'],
    ['is HTTP/1 by appProtocol', [service('web', {}, { appProtocol: 'http' })], 'http1'],
    ['is HTTP/2 by appProtocol', [service('web', {}, { appProtocol: 'kubernetes.io/h2c' })], 'http2'],
    ['is opaque by appProtocol', [service('web', {}, { appProtocol: 'linkerd.io/opaque' })], 'opaque'],
    [
      'is opaque by an appProtocol that is not known',
      [service('web', {}, { appProtocol: 'mysql' }), route('r')],
      'opaque',
    ],
    ['is opaque by annotation', [service('web', { 'config.linkerd.io/opaque-ports': '80' }), route('r')], 'opaque'],
    [
      'is what appProtocol says before the annotation',
      [service('web', { 'config.linkerd.io/opaque-ports': '80' }, { appProtocol: 'http' })],
      'http1',
    ],
    ['is gRPC with a GRPCRoute', [service(), gateway('GRPCRoute', 'g'), route('r')], 'grpc'],
  ])('%s', async (_name, objects, expected) => expect(kindOf(await policyOf(...objects))).toBe(expected));

  test('that the Service does not have is refused', async () => {
    world = await PolicyWorld.start([service()]);
    const seen = world.watchOutbound('web.shop.svc.cluster.local:81');
    await vi.waitFor(() =>
      expect(seen.messages).toEqual([
        {
          metadata: { resource: { group: 'core', kind: 'Service', name: 'web', namespace: 'shop', port: 81 } },
          protocol: {
            opaque: {
              routes: [
                {
                  metadata: { default: 'undefined-port' },
                  rules: [{ backends: { empty: {} }, filters: [{ forbidden: {} }] }],
                },
              ],
            },
          },
        },
      ]),
    );
  });
});

test('of an ExternalName there is no policy, as there is no profile: its name leads outside', async () => {
  const { metadata } = service();
  world = await PolicyWorld.start([
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'ExternalName', externalName: 'api.example' } },
  ]);
  const seen = world.watchOutbound('web.shop.svc.cluster.local:80');
  await vi.waitFor(() => expect(seen.error?.code).toBe(status.NOT_FOUND));
});

const created = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` });

describe('routes', () => {
  test.each<[string, object[], string[]]>([
    [
      'of both groups hold, the oldest first',
      [route('b', {}, created(2)), gateway('HTTPRoute', 'c', {}, created(1)), route('a')],
      ['c', 'b', 'a'],
    ],
    ['of the client’s namespace are not asked by others', [route('x', {}, { namespace: 'other' })], ['http']],
    [
      'for another port do not hold',
      [route('x', {}, {}, { parentRefs: [{ kind: 'Service', name: 'web', port: 81 }] })],
      ['http'],
    ],
    ['for every port hold', [route('x', {}, {}, { parentRefs: [{ group: '', kind: 'Service', name: 'web' }] })], ['x']],
    [
      'with an annotation that is wrong are left out',
      [route('x', {}, { annotations: { 'retry.linkerd.io/http': 'y' } })],
      ['http'],
    ],
    ['give way to a GRPCRoute', [gateway('HTTPRoute', 'x'), gateway('GRPCRoute', 'g')], ['g']],
  ])('%s', async (_name, routes, expected) => expect(namesOf(await policyOf(service(), ...routes))).toEqual(expected));

  test('of the client’s namespace come before those beside the Service', async () => {
    world = await PolicyWorld.start([service(), route('producer'), route('consumer', {}, { namespace: 'client' })]);
    const ask = (workload: string) => world.watchOutbound('web.shop.svc.cluster.local:80', workload);
    const [own, other] = [ask('client:pod'), ask('third:pod')];
    await vi.waitFor(() => expect([own.messages.length, other.messages.length]).toEqual([1, 1]));
    expect(namesOf(own.messages[0] as Policy)).toEqual(['consumer']);
    expect(namesOf(other.messages[0] as Policy)).toEqual(['producer']);
  });

  test('name a Service of another namespace where a ReferenceGrant lets them, from when it does and while', async () => {
    const objects = [
      service(),
      service('v2', {}, {}, 'other'),
      route('r', { backendRefs: [{ name: 'v2', namespace: 'other', port: 80 }] }),
    ];
    world = await PolicyWorld.start(objects);
    const seen = world.watchOutbound('web.shop.svc.cluster.local:80');
    const refused = {
      backend: { metadata: { default: 'invalid' } },
      filters: [
        { failureInjector: { status: 500, message: 'no ReferenceGrant lets the route name Service other/v2' } },
      ],
    };
    const allowed = { backend: { balancer: { discovery: { dst: { path: 'v2.other.svc.cluster.local:80' } } } } };
    for (const [number, grants, backend] of [
      [1, [], refused],
      [2, [grant('other', { name: 'v2' })], allowed],
      [3, [grant('other', { name: 'v3' })], refused],
    ] as const) {
      world.write(...objects, ...grants);
      await vi.waitFor(() => expect(seen.messages).toHaveLength(number));
      const [{ rules }] = routesOf(seen.messages.at(-1) as Policy);
      expect(rules).toMatchObject([{ backends: { randomAvailable: { backends: [{ weight: 1, backend }] } } }]);
    }
  });

  test('carry matches, filters and weighted backends; a share of a missing one fails', async () => {
    const found = routesOf(
      await policyOf(
        service(),
        service('v2', {}, {}, 'other'),
        grant('other'),
        route('r', {
          matches: [{ path: { type: 'Exact', value: '/a' }, method: 'GET' }],
          filters: [
            { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'X-A', value: 'b' }] } },
            {
              type: 'RequestRedirect',
              requestRedirect: {
                scheme: 'https',
                hostname: 'h',
                port: 1,
                statusCode: 302,
                path: { type: 'ReplaceFullPath', replaceFullPath: '/b' },
              },
            },
          ],
          backendRefs: [
            {
              name: 'v2',
              namespace: 'other',
              port: 80,
              weight: 3,
              filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['x'] } }],
            },
            { name: 'gone', port: 80, weight: 2 },
            { name: 'portless' },
            { kind: 'Bucket', group: 'x.y', name: 'b' },
          ],
          timeouts: { request: '10s', backendRequest: '500ms' },
        }),
      ),
    );
    const metadata = { default: 'invalid' };
    const failing = (message: string) => [{ failureInjector: { status: 500, message } }];
    expect(found).toMatchObject([
      {
        metadata: { resource: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'r', namespace: 'shop' } },
        rules: [
          {
            matches: [{ path: { exact: '/a' }, method: { registered: 'GET' } }],
            filters: [
              { responseHeaderModifier: { add: { headers: [{ name: 'x-a', value: 'Yg==' }] } } },
              { redirect: { scheme: { registered: 'HTTPS' }, host: 'h', port: 1, status: 302, path: { full: '/b' } } },
            ],
            requestTimeout: '10s',
            timeouts: { request: '10s' },
            backends: {
              randomAvailable: {
                backends: [
                  {
                    weight: 3,
                    backend: {
                      requestTimeout: '0.500s',
                      filters: [{ requestHeaderModifier: { remove: ['x'] } }],
                      backend: {
                        metadata: {
                          resource: { group: 'core', kind: 'Service', name: 'v2', namespace: 'other', port: 80 },
                        },
                        balancer: { discovery: { dst: { path: 'v2.other.svc.cluster.local:80' } } },
                      },
                    },
                  },
                  { weight: 2, backend: { backend: { metadata }, filters: failing('Service not found gone') } },
                  {
                    weight: 1,
                    backend: { backend: { metadata }, filters: failing('missing port for backend Service portless') },
                  },
                  {
                    weight: 1,
                    backend: { backend: { metadata }, filters: failing('unsupported backend type x.y Bucket') },
                  },
                ],
              },
            },
          },
        ],
      },
    ]);
  });

  test('carry rewrites and CORS, in which what is not set is what the Gateway API has it be', async () => {
    const cors = { allowOrigins: ['https://*.a.org'], allowMethods: ['*'], exposeHeaders: ['x-a'], maxAge: 60 };
    const [found] = routesOf(
      await policyOf(
        service(),
        gateway('HTTPRoute', 'r', {
          matches: [{ path: { value: '/a' } }],
          filters: [
            {
              type: 'URLRewrite',
              urlRewrite: { hostname: 'x.org', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '' } },
            },
            { type: 'CORS', cors },
            { type: 'RequestRedirect', requestRedirect: { hostname: 'y.org' } },
          ],
        }),
      ),
    );
    expect(found.rules[0].filters).toEqual([
      { urlRewrite: { host: 'x.org', path: { prefix: '/' } } },
      {
        cors: {
          allowOrigins: ['https://*.a.org'],
          allowMethods: ['*'],
          exposeHeaders: ['x-a'],
          maxAgeSeconds: 60,
        },
      },
      { redirect: { host: 'y.org', status: 302 } },
    ]);
  });

  test('mirror to a backend that is there, the share that is asked for, and to none that is not', async () => {
    const mirror = (name: string, share: object = {}) => ({
      type: 'RequestMirror',
      requestMirror: { backendRef: { name, port: 80 }, ...share },
    });
    const filters = [
      mirror('v2'),
      mirror('v2', { percent: 10 }),
      mirror('v2', { fraction: { numerator: 1, denominator: 3 } }),
      mirror('gone'),
    ];
    const backend = { balancer: { discovery: { dst: { path: 'v2.shop.svc.cluster.local:80' } } } };
    const ratios = [{}, { ratio: { numerator: 10, denominator: 100 } }, { ratio: { numerator: 1, denominator: 3 } }];
    for (const kind of ['HTTPRoute', 'GRPCRoute']) {
      const [found] = routesOf(await policyOf(service(), service('v2'), gateway(kind, 'r', { filters })));
      expect(found.rules[0].filters).toMatchObject(ratios.map((ratio) => ({ requestMirror: { backend, ...ratio } })));
      world.stop();
    }
  });

  const modifier = { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'Host', value: 'x' }] } };
  const cut = { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } };
  test.each<[string, string, object, object]>([
    ['of a kind that is not known', 'HTTPRoute', { filters: [{ type: 'New' }] }, { status: 500 }],
    ['that would break requests', 'HTTPRoute', { filters: [modifier] }, { status: 500 }],
    [
      'for prefixes that there are none of',
      'HTTPRoute',
      { matches: [{ path: { type: 'Exact', value: '/a' } }], filters: [cut] },
      { status: 500 },
    ],
    ['that no gRPC route has', 'GRPCRoute', { filters: [cut] }, { code: 13 }],
  ])('with a filter %s have its requests fail: it is not left out', async (_name, kind, rule, failureInjector) => {
    const [found] = routesOf(await policyOf(service(), gateway(kind, 'r', rule)));
    expect(found.rules[0].filters).toMatchObject([{ failureInjector }]);
  });

  test('of gRPC change the headers of responses, too', async () => {
    const responseHeaderModifier = { remove: ['x'] };
    const filters = [{ type: 'ResponseHeaderModifier', responseHeaderModifier }];
    const [found] = routesOf(await policyOf(service(), gateway('GRPCRoute', 'g', { filters })));
    expect(found.rules[0].filters).toEqual([{ responseHeaderModifier }]);
  });

  test('without backends send to the parent', async () => {
    const [found] = routesOf(await policyOf(service(), route('r')));
    expect(found.rules[0].backends).toMatchObject({
      firstAvailable: {
        backends: [{ backend: { balancer: { discovery: { dst: { path: 'web.shop.svc.cluster.local:80' } } } } }],
      },
    });
  });

  test('of gRPC match methods, and fail for a missing backend', async () => {
    const [found] = routesOf(
      await policyOf(
        service('web', { 'retry.linkerd.io/grpc': 'unavailable,deadline-exceeded' }),
        gateway('GRPCRoute', 'g', {
          matches: [{ method: { service: 'a.B' } }],
          backendRefs: [{ name: 'gone', port: 80 }],
        }),
      ),
    );
    expect(found.rules[0]).toMatchObject({
      matches: [{ rpc: { service: 'a.B' } }],
      backends: { randomAvailable: { backends: [{ backend: { filters: [{ failureInjector: { code: 500 } }] } }] } },
      retry: { maxRetries: 1, conditions: { unavailable: true, deadineExceeded: true } },
    });
  });
});

describe('backends in order of preference', () => {
  const inOrder = { 'tulle.dev/backends': 'in-order' };
  const refs = [
    { name: 'web', port: 80, weight: 5 },
    { name: 'gone', port: 80 },
    { name: 'drained', port: 80, weight: 0 },
    { name: 'v2', port: 80 },
  ];
  const slice = (ready: boolean[], changes: object = {}) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: ready.map((each, at) => ({ addresses: [`10.1.0.${at}`], conditions: { ready: each, ...changes } })),
  });
  const backendsOf = (policy: Policy) => routesOf(policy)[0].rules[0]['backends'];
  const named = (name: string) => ({ backend: { metadata: { resource: { name } } } });

  test.each(['HTTPRoute', 'GRPCRoute'])('of a %s are told as such, whatever their weights but 0', async (kind) => {
    const told = backendsOf(
      await policyOf(service(), service('v2'), gateway(kind, 'r', { backendRefs: refs }, { annotations: inOrder })),
    );
    expect(told).toMatchObject({
      firstAvailable: {
        backends: [named('web'), { backend: { metadata: { default: 'invalid' } } }, named('v2')],
        failover: {},
      },
    });
    expect(told).not.toHaveProperty('firstAvailable.failover.minReady');
  });

  test('have the least share of endpoints that must be ready, and how many there are', async () => {
    const annotations = { ...inOrder, 'tulle.dev/failover-below': '37.5%' };
    const all = [service(), service('v2'), gateway('HTTPRoute', 'r', { backendRefs: refs }, { annotations })];
    world = await PolicyWorld.start([...all, slice([true, false, false])]);
    const seen = world.watchOutbound('web.shop.svc.cluster.local:80');
    const failover = () =>
      (backendsOf(seen.messages.at(-1) as Policy) as { firstAvailable: { failover: object } }).firstAvailable.failover;
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    const minReady = { numerator: 375_000, denominator: 1_000_000 };
    expect(failover()).toEqual({ minReady, endpoints: [3, 0, 0] });
    world.write(...all, slice([true, false, false, true]));
    await vi.waitFor(() => expect(failover()).toEqual({ minReady, endpoints: [4, 0, 0] }));
    world.write(...all, slice([false, false], { terminating: true }));
    await vi.waitFor(() => expect(failover()).toEqual({ minReady, endpoints: [0, 0, 0] }));
  });

  test('say nothing for a rule without backends', async () => {
    expect(backendsOf(await policyOf(service(), route('r', {}, { annotations: inOrder })))).toMatchObject({
      firstAvailable: { backends: [named('web')] },
    });
  });
});

describe('an address that is no Service’s', () => {
  const pod = (podIP: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'db-0', namespace: 'shop' },
    spec: { containers: [] },
    status: { phase: 'Running', podIP },
  });

  test('inside the cluster has no policy, so that a proxy goes by its profile', async () => {
    world = await PolicyWorld.start([pod('198.51.100.7')]);
    // One of the cluster's networks, and one of a pod beyond them.
    for (const asked of ['10.1.2.3:5432', '198.51.100.7:5432']) {
      const seen = world.watchOutbound(asked);
      await vi.waitFor(() => expect(seen.error?.code).toBe(status.NOT_FOUND));
      expect(seen.messages).toEqual([]);
    }
  });

  test('outside goes where it was sent, until a pod has it', async () => {
    world = await PolicyWorld.start([]);
    const seen = world.watchOutbound('198.51.100.7:5432');
    await vi.waitFor(() => expect(seen.messages).toMatchObject([{ metadata: { default: 'egress-fallback' } }]));
    world.write(pod('198.51.100.7'));
    await vi.waitFor(() => expect(seen.error?.code).toBe(status.NOT_FOUND), 2000);
  });
});

test('what Linkerd’s proxies refuse a policy without is sent when it is empty', async () => {
  const headersAlone = { matches: [{ headers: [{ name: 'x-team', value: 'a' }] }] };
  const found = await policyOf(
    service('web', { 'retry.linkerd.io/limit': '2' }),
    gateway('GRPCRoute', 'g', headersAlone, created(1)),
    gateway('GRPCRoute', 'all', { matches: [{}] }, created(2)),
  );
  const [byHeader, all] = routesOf(found).map(({ rules }) => rules[0]);
  expect(byHeader).toMatchObject({ matches: [{ rpc: {}, headers: [{ name: 'x-team' }] }] });
  expect(all).toMatchObject({ matches: [{ rpc: {} }] });
  expect(all.retry).toMatchObject({ maxRetries: 2, conditions: {} });
});

describe('annotations', () => {
  const annotations = {
    'balancer.linkerd.io/failure-accrual': 'consecutive',
    'timeout.linkerd.io/request': '3s',
    'retry.linkerd.io/http': '5xx',
    'retry.linkerd.io/limit': '2',
  };

  test('of a Service hold for the default route', async () => {
    const found = await policyOf(service('web', annotations));
    expect(found.protocol.detect.http1.failureAccrual).toEqual({
      consecutiveFailures: {
        maxFailures: 7,
        backoff: { minBackoff: '1s', maxBackoff: '60s', jitterRatio: 0.5 },
      },
    });
    expect(routesOf(found)[0].rules[0]).toMatchObject({
      requestTimeout: '3s',
      timeouts: { request: '3s' },
      retry: {
        maxRetries: 2,
        maxRequestBytes: 65_536,
        backoff: { minBackoff: '0.025s', maxBackoff: '0.250s', jitterRatio: 1 },
        conditions: { statusRanges: [{ start: 500, end: 599 }] },
      },
    });
  });

  test('of a route come before those of the Service', async () => {
    const own = { annotations: { 'timeout.linkerd.io/idle': '1s', 'retry.linkerd.io/limit': '5' } };
    const [found] = routesOf(await policyOf(service('web', annotations), route('r', {}, own)));
    expect(found.rules[0].timeouts).toEqual({ idle: '1s' });
    expect(found.rules[0].retry).toMatchObject({ maxRetries: 5 });
    expect(found.rules[0].retry).toHaveProperty('conditions', {});
  });

  test('give way to the retry of a rule, which concerns no other rule and is left out where it cannot be', async () => {
    const rules = [
      { retry: { codes: [429, 503], attempts: 3, backoff: '100ms' } },
      { retry: { attempts: 0 } },
      { retry: { codes: [99] } },
      {},
    ];
    const own = { ...gateway('HTTPRoute', 'r'), spec: { ...route('r').spec, rules } };
    const [found] = routesOf(await policyOf(service('web', annotations), own));
    const [first, none, ...others] = found.rules.map(({ retry }) => retry);
    expect(first).toMatchObject({
      maxRetries: 3,
      backoff: { minBackoff: '0.100s', maxBackoff: '1s', jitterRatio: 1 },
      conditions: {
        statusRanges: [
          { start: 429, end: 429 },
          { start: 503, end: 503 },
        ],
      },
    });
    expect(none ?? {}).not.toHaveProperty('maxRetries');
    for (const retry of others) expect(retry).toMatchObject({ maxRetries: 2, backoff: { minBackoff: '0.025s' } });
  });

  test('that are wrong on a Service are ignored', async () => {
    const found = await policyOf(service('web', { ...annotations, 'timeout.linkerd.io/request': 'soon' }));
    expect(routesOf(found)[0].rules[0]).not.toHaveProperty('timeouts');
    expect(routesOf(found)[0].rules[0]).toHaveProperty('retry');
  });

  test('have requests hedged, those of a route before those of the Service', async () => {
    const hedged = (after: string) => ({ annotations: { 'hedge.tulle.dev/after': after } });
    const { annotations: ofService } = hedged('20ms');
    const [found] = routesOf(await policyOf(service('web', ofService)));
    expect(found.rules[0].hedge).toEqual({ after: '0.020s', limit: 1, budgetRatio: 0.2 });
    await world.stop();
    const routes = routesOf(
      await policyOf(
        service('web', ofService),
        gateway('GRPCRoute', 'own', {}, hedged('30ms')),
        gateway('GRPCRoute', 'r'),
      ),
    );
    expect(routes.map(({ rules }) => rules[0].hedge)).toMatchObject([{ after: '0.030s' }, { after: '0.020s' }]);
  });

  test('say which share of requests is traced, that of a route before that of the Service', async () => {
    const traced = (rate: string) => ({ annotations: { 'tracing.tulle.dev/sample-rate': rate } });
    const { annotations: ofService } = traced('0.25');
    expect(routesOf(await policyOf(service('web', ofService)))).toMatchObject([{ tracing: { sampleRate: 0.25 } }]);
    await world.stop();
    const routes = routesOf(
      await policyOf(
        service('web', ofService),
        gateway('HTTPRoute', 'none', {}, traced('0')),
        gateway('HTTPRoute', 'r'),
        gateway('HTTPRoute', 'wrong', {}, traced('all')),
      ),
    );
    // What says no is told, too: a message is there.
    expect(routes.map(({ tracing }) => tracing)).toEqual([{}, { sampleRate: 0.25 }, { sampleRate: 0.25 }]);
  });

  test('say what requests may ask for in place of a Service: what is there, has the port and may be named', async () => {
    const ports = [{ name: 'http', port: 80 }];
    const other = (name: string, namespace = 'shop', own: object = {}) => ({
      ...service(name, {}, {}, namespace),
      spec: { clusterIP: '10.96.0.11', ports, ...own },
    });
    const annotations = { 'override.tulle.dev/to': 'web-v2, web-v3, gone, cart.other, cart.shut' };
    const named = {
      ...grant('other'),
      spec: { ...grant('other').spec, from: [{ group: '', kind: 'Service', namespace: 'shop' }] },
    };
    const objects = [service('web', annotations), other('web-v2'), other('cart', 'other'), other('cart', 'shut')];
    world = await PolicyWorld.start([
      ...objects,
      other('web-v3', 'shop', { ports: [{ name: 'http', port: 81 }] }),
      named,
    ]);
    const seen = world.watchOutbound('web.shop.svc.cluster.local:80');
    const targets = () =>
      (seen.messages.at(-1) as { overrideTargets?: { metadata: { resource: object } }[] } | undefined)?.overrideTargets;
    await vi.waitFor(() =>
      expect(targets()?.map(({ metadata }) => metadata.resource)).toMatchObject([
        { name: 'web-v2', namespace: 'shop', port: 80 },
        { name: 'cart', namespace: 'other', port: 80 },
      ]),
    );
    world.write(...objects, other('web-v3'), named);
    await vi.waitFor(() => expect(targets()).toHaveLength(3));
    world.write(...objects, other('web-v3'));
    await vi.waitFor(() => expect(targets()).toHaveLength(2));
  });

  test('let requests say otherwise for themselves, on all routes to the Service, where its owner does', async () => {
    const allowed = { 'policy.tulle.dev/allow-l5d-request-headers': 'true' };
    const allow = { allowL5dRequestHeaders: true };
    expect(routesOf(await policyOf(service('web', allowed)))[0].rules[0]).toMatchObject(allow);
    await world.stop();
    expect(routesOf(await policyOf(service('web', allowed), route('r')))[0].rules[0]).toMatchObject(allow);
    await world.stop();
    const ofRoute = await policyOf(service(), route('r', {}, { annotations: allowed }));
    expect(routesOf(ofRoute)[0].rules[0]).not.toHaveProperty('allowL5dRequestHeaders');
  });

  test('penalties change the load estimate, but not of an opaque port', async () => {
    const penalize = { 'balancer.alpha.linkerd.io/penalize-failures': 'true' };
    const http = await policyOf(service('web', penalize));
    expect(JSON.stringify(http)).toContain(
      '"penaltyPeakEwma":{"defaultRtt":"0.030s","decay":"10s","penalty":"5s","maxRetryAfter":"300s"}',
    );
    await world.stop();
    const opaque = await policyOf(service('web', penalize, { appProtocol: 'linkerd.io/tcp' }));
    expect(JSON.stringify(opaque)).toContain('"peakEwma"');
  });
});

describe('what a Service says of the choice of its endpoints', () => {
  const choosing = { 'balancer.tulle.dev/affinity': 'cookie:s;ttl=1m', 'balancer.tulle.dev/zones': 'prefer' };
  const choice = {
    affinity: { cookie: { name: 's', ttl: '60s' } },
    zones: { maxLoad: 2 },
  };
  const choices = (policy: object): unknown[] => {
    const found: unknown[] = [];
    JSON.stringify(policy, (key, value) => {
      if (key === 'balancer') found.push(value['[dev.tulle.proxy.choice]'] ?? value.choice);
      return value;
    });
    return found;
  };

  test('holds for what goes to it', async () => {
    const found = choices(await policyOf(service('web', choosing)));
    expect(found.length).toBeGreaterThan(0);
    for (const each of found) expect(each).toEqual(choice);
  });

  test('holds for it as a backend of a route, and for no other', async () => {
    const split = route('r', {
      backendRefs: [
        { name: 'web', port: 80 },
        { name: 'v2', port: 80 },
      ],
    });
    const [found] = routesOf(await policyOf(service('web'), service('v2', choosing), split));
    expect(choices(found)).toEqual([undefined, choice]);
  });

  test('gives way to the sessions of a rule, and to no more than that', async () => {
    const backendRefs = [
      { name: 'web', port: 80 },
      { name: 'v2', port: 80 },
    ];
    const cookieConfig = { lifetimeType: 'Permanent' };
    const session = { sessionName: 'seat', absoluteTimeout: '1h', cookieConfig };
    const matches = [{ path: { type: 'PathPrefix', value: '/a' } }];
    const kept = gateway('HTTPRoute', 'r', { matches, backendRefs, sessionPersistence: session });
    const [found] = routesOf(await policyOf(service('web'), service('v2', choosing), kept));
    const cookie = { name: 'seat', ttl: '3600s', path: '/a' };
    const affinity = { session: { cookie, absoluteTimeout: '3600s' } };
    expect(choices(found)).toEqual([{ affinity }, { affinity, zones: choice.zones }]);
  });

  test.each<[string, object, object[], object]>([
    ['by a cookie of its own', {}, [], { cookie: { name: expect.stringMatching(/^tulle-session-[0-9a-f]{12}$/) } }],
    ['for all of several paths', {}, [{ path: { value: '/a' } }, { path: { value: '/b' } }], { cookie: { path: '/' } }],
    ['of no path that a cookie may have', {}, [{ path: { value: '/a;b' } }], { cookie: { path: '/' } }],
    ['by a header', { type: 'Header', sessionName: 'X-Seat' }, [], { header: 'x-seat' }],
  ])('sessions of a rule without backends: %s', async (_what, sessionPersistence, matches, carrier) => {
    const kept = gateway('HTTPRoute', 'r', { matches, sessionPersistence });
    const [found] = choices(routesOf(await policyOf(service(), kept))[0]);
    expect(found).toMatchObject({ affinity: { session: carrier } });
  });

  test('sessions that cannot be kept leave it as it is, and so does each other rule', async () => {
    const rules = [{ sessionPersistence: { idleTimeout: '1m' } }, { sessionPersistence: { sessionName: 'seat' } }];
    const kept = { ...gateway('HTTPRoute', 'r'), spec: { ...route('r').spec, rules } };
    const [{ affinity }, other] = choices(routesOf(await policyOf(service('web', choosing), kept))[0]) as {
      affinity: object;
    }[];
    expect(affinity).toEqual(choice.affinity);
    expect(other.affinity).toMatchObject({ session: { cookie: { name: 'seat' } } });
  });

  test('is nothing where it says nothing', async () => {
    expect(new Set(choices(await policyOf(service('web'))))).toEqual(new Set([undefined]));
  });
});

test('a change of route, backend or Service reaches an open stream, and no other', async () => {
  const objects = [service(), service('other')];
  world = await PolicyWorld.start(objects);
  const web = world.watchOutbound('web.shop.svc.cluster.local:80');
  const other = world.watchOutbound('other.shop.svc.cluster.local:80');
  await vi.waitFor(() => expect([web.messages.length, other.messages.length]).toEqual([1, 1]));
  const weighted = route('r', { backendRefs: [{ name: 'v2', port: 80 }] });
  const steps: [object[], string][] = [
    [[...objects, weighted], 'Service not found v2'],
    [[...objects, weighted, service('v2')], '"path":"v2.shop.svc.cluster.local:80"'],
    [[service('web', { 'timeout.linkerd.io/idle': '7s' }), service('other'), weighted, service('v2')], '"idle":"7s"'],
  ];
  const tookMs: number[] = [];
  for (const [now, expected] of steps) {
    const startMs = performance.now();
    world.write(...now);
    await vi.waitFor(() => expect(JSON.stringify(web.messages.at(-1))).toContain(expected), {
      timeout: 3000,
      interval: 10,
    });
    tookMs.push(performance.now() - startMs);
  }
  // A machine that is busy may take longer once, not each time.
  expect(Math.min(...tookMs)).toBeLessThan(1000);
  expect(other.messages).toHaveLength(1);
  world.write(service('other'));
  await vi.waitFor(() => expect(web.error?.code).toBe(status.NOT_FOUND), 2000);
});
