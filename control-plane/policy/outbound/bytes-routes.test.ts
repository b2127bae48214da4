import { afterEach, describe, expect, test, vi } from 'vitest';
import { PolicyWorld } from '../testing.ts';

let world: PolicyWorld;
afterEach(() => world.stop());

const service = (name = 'web', port: object = {}, annotations: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop', annotations },
  spec: { clusterIP: '10.96.0.10', ports: [{ name: 'any', port: 80, ...port }] },
});
const route = (kind: string, name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'gateway.networking.k8s.io/v1alpha2',
  kind,
  metadata: { name, namespace: 'shop', ...metadata },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'web', namespace: 'shop', port: 80 }],
    rules: [{}],
    ...spec,
  },
});
const created = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` });

interface Route {
  metadata: { default?: string; resource?: { name: string } };
  snis?: object[];
  rules: { backends: object; filters?: object[] }[];
}
interface Policy {
  protocol: Record<string, { routes: Route[]; opaque?: { routes: Route[] } }>;
}
async function policyOf(...objects: object[]): Promise<Policy> {
  world = await PolicyWorld.start(objects);
  const seen = world.watchOutbound('web.shop.svc.cluster.local:80');
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  return seen.messages[0] as Policy;
}
const summary = ({ protocol }: Policy): string => {
  const [[kind, { routes, opaque }]] = Object.entries(protocol);
  const named = (all: Route[] = []) => all.map(({ metadata }) => metadata.default ?? metadata.resource?.name).join(' ');
  return kind === 'detect' ? `detect, else ${named(opaque?.routes)}` : `${kind}: ${named(routes)}`;
};

describe('the protocol of a port', () => {
  const [tls, tcp] = [route('TLSRoute', 'by-name'), route('TCPRoute', 'split')];
  test.each<[string, object[], string]>([
    ['is TLS with a TLSRoute', [service(), tls], 'tls: by-name'],
    ['is opaque with a TCPRoute', [service(), tcp], 'opaque: split'],
    ['is TLS with both', [service(), tcp, tls], 'tls: by-name'],
    ['is HTTP with an HTTPRoute before either', [service(), route('HTTPRoute', 'r'), tls, tcp], 'detect, else opaque'],
    ['is gRPC with a GRPCRoute before either', [service(), route('GRPCRoute', 'g'), tls, tcp], 'grpc: g'],
    [
      'is opaque by appProtocol, with its TCPRoute',
      [service('web', { appProtocol: 'mysql' }), tls, route('TCPRoute', 'r', {}, { namespace: 'shop' })],
      'opaque: opaque',
    ],
    [
      'is opaque by annotation, with its TCPRoute',
      [service('web', {}, { 'config.linkerd.io/opaque-ports': '80' }), tcp],
      'opaque: split',
    ],
    [
      'is HTTP by appProtocol, whatever routes there are',
      [service('web', { appProtocol: 'kubernetes.io/h2c' }), tls, tcp],
      'http2: http',
    ],
    [
      'has the oldest TCPRoute alone',
      [service(), route('TCPRoute', 'new', {}, created(2)), route('TCPRoute', 'old', {}, created(1))],
      'opaque: old',
    ],
    [
      'has all TLSRoutes, the oldest first',
      [service(), route('TLSRoute', 'new', {}, created(2)), route('TLSRoute', 'old', {}, created(1))],
      'tls: old new',
    ],
    [
      'has none of another port',
      [service(), route('TCPRoute', 'r', { parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 81 }] })],
      'detect, else opaque',
    ],
    ['has no route of several rules', [service(), route('TCPRoute', 'r', { rules: [{}, {}] })], 'detect, else opaque'],
    [
      'is not changed by routes of another namespace',
      [service(), tcp, route('GRPCRoute', 'g', {}, { namespace: 'other' })],
      'opaque: split',
    ],
  ])('%s', async (_name, objects, expected) => expect(summary(await policyOf(...objects))).toBe(expected));
});

test('names that TLS asks for are sent exact, or as what they end with, in lower case', async () => {
  const policy = await policyOf(service(), route('TLSRoute', 'r', { hostnames: ['Web.example', '*.Example.com'] }));
  expect(policy.protocol['tls'].routes[0].snis).toEqual([
    { exact: 'web.example' },
    { suffix: { reverseLabels: ['com', 'example'] } },
  ]);
});

test('backends have their weights; the share of one that is not there fails with why', async () => {
  const backendRefs = [
    { name: 'web', port: 80, weight: 3 },
    { name: 'gone', port: 80 },
    { group: 'policy.linkerd.io', kind: 'EgressNetwork', name: 'all' },
  ];
  for (const [kind, protocol] of [
    ['TLSRoute', 'tls'],
    ['TCPRoute', 'opaque'],
  ] as const) {
    const policy = await policyOf(service(), route(kind, 'r', { rules: [{ backendRefs }] }));
    const invalid = (message: string) => ({
      weight: 1,
      backend: { backend: { metadata: { default: 'invalid' } }, filters: [{ invalid: { message } }] },
    });
    expect(policy.protocol[protocol].routes[0].rules).toMatchObject([
      {
        backends: {
          randomAvailable: {
            backends: [
              {
                weight: 3,
                backend: { backend: { balancer: { discovery: { dst: { path: 'web.shop.svc.cluster.local:80' } } } } },
              },
              invalid('Service not found gone'),
              invalid('EgressNetwork not found all'),
            ],
          },
        },
      },
    ]);
    await world.stop();
  }
});

test('a route without backends sends to its parent', async () => {
  const policy = await policyOf(service(), route('TCPRoute', 'r'));
  const path = 'web.shop.svc.cluster.local:80';
  expect(policy.protocol['opaque'].routes[0].rules[0].backends).toMatchObject({
    firstAvailable: { backends: [{ backend: { balancer: { discovery: { dst: { path } } } } }] },
  });
});

test('a client has the routes of its own namespace, if it has any', async () => {
  world = await PolicyWorld.start([
    service(),
    route('TCPRoute', 'producer'),
    route('TLSRoute', 'consumer', {}, { namespace: 'client' }),
  ]);
  const ask = (workload: string) => world.watchOutbound('web.shop.svc.cluster.local:80', workload);
  const [own, other] = [ask('client:pod'), ask('third:pod')];
  await vi.waitFor(() => expect([own.messages.length, other.messages.length]).toEqual([1, 1]));
  expect([own, other].map(({ messages }) => summary(messages[0] as Policy))).toEqual([
    'tls: consumer',
    'opaque: producer',
  ]);
});
