import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PolicyWorld } from '../testing.ts';

let world: PolicyWorld;
afterEach(() => world.stop());

const group = 'policy.linkerd.io';
const network = (trafficPolicy = 'Deny', name = 'all', spec: object = {}, metadata: object = {}) => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'EgressNetwork',
  metadata: { name, namespace: 'tulle-egress', ...metadata },
  spec: { trafficPolicy, ...spec },
});
const parent = { group, kind: 'EgressNetwork', name: 'all', namespace: 'tulle-egress', port: 443 };
const route = (kind: string, name: string, spec: object = {}, namespace = 'tulle-egress') => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { name, namespace },
  spec: { parentRefs: [parent], rules: [{}], ...spec },
});

interface Route {
  metadata: { default?: string; resource?: { name: string } };
  rules: { backends: object; filters?: object[]; timeouts?: object }[];
}
interface Policy {
  metadata: object;
  protocol: Record<string, { routes: Route[]; http1: { routes: Route[] }; opaque: { routes: Route[] } }>;
}
const named = (routes: Route[] = []) =>
  routes.map(({ metadata }) => metadata.default ?? metadata.resource?.name).join(' ');
const summary = ({ protocol }: Policy): string => {
  const [[kind, value]] = Object.entries(protocol);
  return kind === 'detect'
    ? `http: ${named(value.http1.routes)}; opaque: ${named(value.opaque.routes)}`
    : `${kind}: ${named(value.routes)}`;
};
async function seenAt(asked: string, objects: object[], workload?: string, flags = {}): Promise<Policy> {
  world = await PolicyWorld.start(objects, flags);
  const seen = world.watchOutbound(asked, workload);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  return seen.messages[0] as Policy;
}
const policyOf = (...objects: object[]) => seenAt('198.51.100.7:443', objects);
const forward = { forward: { addr: { ip: { ipv4: 0xc6_33_64_07 }, port: 443 }, weight: 1 } };

describe('an address outside has routes', () => {
  test.each<[string, object[], string]>([
    ['without a network', [], 'http: egress-fallback; opaque: egress-fallback'],
    ['that allow', [network('Allow')], 'http: http-egress-allow; opaque: tcp-egress-allow'],
    ['that deny', [network()], 'http: http-egress-deny; opaque: tcp-egress-deny'],
    ['of HTTP', [network(), route('HTTPRoute', 'r')], 'http: r http-egress-deny; opaque: tcp-egress-deny'],
    ['of gRPC', [network(), route('GRPCRoute', 'g')], 'grpc: g grpc-egress-deny'],
    ['of TLS', [network('Allow'), route('TLSRoute', 't')], 'tls: t tls-egress-allow'],
    ['of TCP, which leave nothing to the policy', [network(), route('TCPRoute', 't')], 'opaque: t'],
    [
      'not for another port',
      [network(), route('TLSRoute', 't', { parentRefs: [{ ...parent, port: 8443 }] })],
      'http: http-egress-deny; opaque: tcp-egress-deny',
    ],
    [
      'not without a port',
      [network(), route('TCPRoute', 't', { parentRefs: [{ ...parent, port: undefined }] })],
      'http: http-egress-deny; opaque: tcp-egress-deny',
    ],
    [
      'of the client’s namespace before those of the network',
      [network(), route('TLSRoute', 'theirs'), route('TLSRoute', 'own', {}, 'shop')],
      'tls: own tls-egress-deny',
    ],
    [
      'not of a third namespace',
      [network(), route('TCPRoute', 'theirs', {}, 'other')],
      'http: http-egress-deny; opaque: tcp-egress-deny',
    ],
    [
      'of a network of the client’s namespace',
      [network(), network('Allow', 'own', {}, { namespace: 'shop' })],
      'http: http-egress-allow; opaque: tcp-egress-allow',
    ],
    [
      'of an opaque port',
      [network('Deny', 'all', {}, { annotations: { 'config.tulle.dev/opaque-ports': '443' } })],
      'opaque: tcp-egress-deny',
    ],
  ])('%s', async (_name, objects, expected) => expect(summary(await policyOf(...objects))).toBe(expected));
});

test('what is allowed goes to where it was meant for', async () => {
  const resource = { group, kind: 'EgressNetwork', name: 'all', namespace: 'tulle-egress', port: 443 };
  const { metadata, protocol } = await policyOf(network('Allow'));
  expect(metadata).toEqual({ resource });
  const { http1, opaque } = protocol['detect'];
  for (const { rules } of [...http1.routes, ...opaque.routes]) {
    expect(rules[0].backends).toMatchObject({
      firstAvailable: { backends: [{ backend: { metadata: { resource }, ...forward } }] },
    });
    expect(rules[0]).not.toHaveProperty('filters');
  }
});

test('what is denied fails with 403, PERMISSION_DENIED, or without a word', async () => {
  const http = await policyOf(network());
  const { http1, opaque } = http.protocol['detect'];
  expect(http1.routes[0].rules[0].filters).toEqual([
    { failureInjector: { status: 403, message: 'traffic not allowed' } },
  ]);
  expect(opaque.routes[0].rules[0].filters).toEqual([{ forbidden: {} }]);
  await world.stop();
  const grpc = await policyOf(network(), route('GRPCRoute', 'g'));
  expect(grpc.protocol['grpc'].routes[1].rules[0].filters).toEqual([
    { failureInjector: { code: 7, message: 'traffic not allowed' } },
  ]);
  await world.stop();
  const tls = await policyOf(network(), route('TLSRoute', 't'));
  expect(tls.protocol['tls'].routes[1].rules[0].filters).toEqual([{ forbidden: {} }]);
});

test('a backend is the network itself, or a Service; any other network is none', async () => {
  const backend = (name: string) => ({ group, kind: 'EgressNetwork', name, namespace: 'tulle-egress' });
  const web = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'tulle-egress' },
    spec: { ports: [{ port: 80 }] },
  };
  const rules = [{ backendRefs: [backend('all'), { name: 'web', port: 80 }, backend('other'), backend('gone')] }];
  for (const kind of ['TLSRoute', 'TCPRoute', 'HTTPRoute']) {
    const policy = await policyOf(
      network(),
      network('Allow', 'other', { networks: [{ cidr: '192.0.2.0/24' }] }),
      web,
      route(kind, 'r', { rules }),
    );
    const [{ routes, http1 }] = Object.values(policy.protocol);
    const { backends } = (routes ?? http1.routes)[0].rules[0] as unknown as {
      backends: { randomAvailable: { backends: { backend: object }[] } };
    };
    const [itself, service, other, gone] = backends.randomAvailable.backends.map(({ backend: each }) => each);
    expect(itself).toMatchObject({ backend: forward });
    expect(service).toMatchObject({
      backend: { balancer: { discovery: { dst: { path: 'web.tulle-egress.svc.cluster.local:80' } } } },
    });
    expect(JSON.stringify(other)).toContain('needs to have the same EgressNetwork as a parent');
    expect(JSON.stringify(gone)).toContain('EgressNetwork not found gone');
    await world.stop();
  }
});

test('annotations of the network hold for its default route', async () => {
  const { protocol } = await policyOf(
    network('Allow', 'all', {}, { annotations: { 'timeout.linkerd.io/idle': '7s' } }),
  );
  expect(protocol['detect'].http1.routes[0].rules[0].timeouts).toEqual({ idle: '7s' });
});

test('an address of the cluster is none outside, whatever a network says', async () => {
  world = await PolicyWorld.start([network('Deny', 'all', { networks: [{ cidr: '0.0.0.0/0' }] })]);
  const seen = world.watchOutbound('10.1.2.3:443');
  await vi.waitFor(() => expect(seen.error?.code).toBe(status.NOT_FOUND));
});

test('the mesh may be told of another namespace for the networks of all', async () => {
  const theirs = network('Deny', 'all', {}, { namespace: 'linkerd-egress' });
  const policy = await seenAt('198.51.100.7:443', [theirs, network('Allow')], undefined, {
    'egress-namespace': 'linkerd-egress',
  });
  expect(summary(policy)).toBe('http: http-egress-deny; opaque: tcp-egress-deny');
});

test('a change of network or route reaches an open stream', async () => {
  world = await PolicyWorld.start([]);
  const seen = world.watchOutbound('198.51.100.7:443');
  const steps: [object[], string][] = [
    [[], 'http: egress-fallback; opaque: egress-fallback'],
    [[network()], 'http: http-egress-deny; opaque: tcp-egress-deny'],
    [[network(), route('TLSRoute', 't')], 'tls: t tls-egress-deny'],
    [
      [network(), network('Allow', 'narrow', { networks: [{ cidr: '198.51.100.0/24' }] })],
      'http: http-egress-allow; opaque: tcp-egress-allow',
    ],
    [
      [network(), network('Allow', 'own', {}, { namespace: 'shop' })],
      'http: http-egress-allow; opaque: tcp-egress-allow',
    ],
    [[], 'http: egress-fallback; opaque: egress-fallback'],
  ];
  for (const [objects, expected] of steps) {
    world.write(...objects);
    await vi.waitFor(
      () => expect(seen.messages.length > 0 && summary(seen.messages.at(-1) as Policy)).toBe(expected),
      3000,
    );
  }
});
