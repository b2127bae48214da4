import { Duration, Lazy } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { describe, expect, it, vi } from 'vitest';
import * as library from '../index.ts';
import { Shop } from '../traffic/testing/shop.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

type Props = Readonly<Record<string, unknown>>;
type Make = (shop: Shop, props: never) => unknown;

const server = library.PolicyTarget.server('orders');
const { Match, RequestCondition } = library;
const containers = [{ image: 'shop/web:1', portNumber: 80 }];
const openApi = JSON.stringify({ openapi: '3.0.0', paths: { '/a': { get: {} } } });
const proto = 'service Orders { rpc Place(A) returns (B); }';
let made = 0;
const newId = () => `subject-${++made}`;
/** A class of the library's constructs, made with props that may be anything. */
const of =
  (Class: new (scope: Construct, id: string, props: never) => unknown): Make =>
  ({ chart }, props) =>
    new Class(chart, newId(), props);

/** What takes props, and the least of them that it is made with. */
const subjects: Record<string, readonly [Make, (shop: Shop) => Props]> = {
  Mesh: [of(library.Mesh), () => ({})],
  'MeshReference.of': [({ chart }, props) => library.MeshReference.of(chart, props), () => ({})],
  MeshInjection: [({ chart }, props) => chart.with(new library.MeshInjection(props)), () => ({})],
  MeshedDeployment: [of(library.MeshedDeployment), () => ({ containers })],
  MeshedDaemonSet: [of(library.MeshedDaemonSet), () => ({ containers })],
  MeshedStatefulSet: [of(library.MeshedStatefulSet), ({ service }) => ({ containers, service })],
  MeshedJob: [of(library.MeshedJob), () => ({ containers })],
  MeshedCronJob: [
    of(library.MeshedCronJob),
    () => ({ containers, schedule: { _toKube: () => '* * * * *', expressionString: '* * * * *' } }),
  ],
  meshed: [of(library.meshed(Deployment)), () => ({ containers })],
  MeshedNamespace: [of(library.MeshedNamespace), () => ({ name: 'a' })],
  HttpRoute: [of(library.HttpRoute), ({ orders }) => ({ parent: orders, rules: [{}] })],
  GrpcRoute: [of(library.GrpcRoute), ({ orders }) => ({ parent: orders, rules: [{}] })],
  TcpRoute: [of(library.TcpRoute), ({ orders }) => ({ parent: orders })],
  TlsRoute: [of(library.TlsRoute), ({ orders }) => ({ parent: orders, hostnames: ['a.example'] })],
  ServiceProfile: [
    of(library.ServiceProfile),
    ({ orders }) => ({ service: orders, routes: [{ name: 'a', condition: RequestCondition.path('/a') }] }),
  ],
  'ServiceProfile.fromOpenApi': [
    ({ chart }, props) => library.ServiceProfile.fromOpenApi(chart, newId(), props),
    ({ orders }) => ({ service: orders, description: library.ApiDescription.text(openApi) }),
  ],
  'ServiceProfile.fromProto': [
    ({ chart }, props) => library.ServiceProfile.fromProto(chart, newId(), props),
    ({ orders }) => ({ service: orders, description: library.ApiDescription.text(proto) }),
  ],
  TrafficSplit: [of(library.TrafficSplit), ({ orders, next }) => ({ service: orders, backends: [{ service: next }] })],
  Canary: [of(library.Canary), ({ orders, next }) => ({ primary: orders, canary: next, weight: 10 })],
  BlueGreen: [of(library.BlueGreen), ({ orders, next }) => ({ blue: orders, green: next, active: 'blue' })],
  Failover: [of(library.Failover), ({ orders, next }) => ({ service: orders, backends: [orders, next] })],
  Staging: [of(library.Staging), ({ orders, next }) => ({ stable: orders, next, matches: [Match.path('/a')] })],
  Mirror: [of(library.Mirror), ({ orders, next }) => ({ service: orders, to: next })],
  FaultInjection: [of(library.FaultInjection), () => ({ delay: Duration.seconds(1) })],
  Server: [of(library.Server), ({ orders }) => ({ pods: orders, port: library.Port.number(80) })],
  AuthorizationPolicy: [
    of(library.AuthorizationPolicy),
    ({ chart }) => ({
      target: server,
      authentications: [new library.NetworkAuthentication(chart, newId(), { networks: ['10.0.0.0/8'] })],
    }),
  ],
  MeshTlsAuthentication: [of(library.MeshTlsAuthentication), ({ web }) => ({ clients: [web] })],
  NetworkAuthentication: [of(library.NetworkAuthentication), () => ({ networks: ['10.0.0.0/8'] })],
  RateLimit: [of(library.RateLimit), () => ({ target: server, requestsPerSecond: 1 })],
  EgressPolicy: [of(library.EgressPolicy), () => ({ traffic: library.EgressTraffic.deny() })],
  ExternalAuthorization: [
    of(library.ExternalAuthorization),
    ({ service }) => ({ target: server, authorizer: service }),
  ],
  RequestAuthentication: [
    of(library.RequestAuthentication),
    () => ({ target: server, issuers: [{ issuer: 'https://a.example', jwksUri: 'https://a.example/keys' }] }),
  ],
};

const values: Readonly<Record<string, unknown>> = {
  'a number': 3,
  'a text': 'x y',
  null: null,
  'an object': {},
  'a map': new Map(),
  'a list': [],
  'a list of null': [null],
  'a list of objects': [{}],
  'a list of texts': ['x y'],
  'an object of null': { a: null },
  true: true,
};

/** A shop in which nothing has been made yet: what is refused leaves nothing behind. */
let empty: Shop | undefined;

/** What is thrown when it is made and rendered with one prop; undefined where nothing is. */
function thrown(make: Make, least: (shop: Shop) => Props, more: unknown): unknown {
  const shop = empty ?? new Shop();
  empty = undefined;
  const props = typeof more === 'object' && more !== null ? { ...least(shop), ...more } : more;
  try {
    make(shop, props as never);
  } catch (error) {
    empty = shop;
    return error;
  }
  try {
    for (const chart of shop.app.charts) chart.toJson();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The props that there are, out of what is said of one that there is not. */
function namesOf(make: Make, least: (shop: Shop) => Props): string[] {
  const error = thrown(make, least, { noSuchProp: 1 });
  if (error === undefined) return ['mesh'];
  return /'noSuchProp' \(1\) must be one of (.*)$/.exec((error as Error).message)?.[1].split(', ') ?? [];
}

describe.each(Object.entries(subjects))('%s', (name, [make, least]) => {
  it('is made of the least props', () => {
    expect(thrown(make, least, {})).toBeUndefined();
  });

  it('says of each prop with a value of a wrong type which it is, where, and what it must be', () => {
    const taken: string[] = [];
    const others: string[] = [];
    const names = namesOf(make, least);
    expect(names.length).toBeGreaterThan(0);
    for (const prop of names) {
      for (const [what, value] of Object.entries(values)) {
        const error = thrown(make, least, { [prop]: value });
        if (error === undefined) taken.push(`${prop}: ${what}`);
        else if ((error as object).constructor !== Error || !new RegExp(`\\b${prop}\\b`).test(String(error))) {
          others.push(`${prop}, ${what}: ${error}`);
        }
      }
    }
    expect(others).toEqual([]);
    expect(taken).toMatchSnapshot();
  });

  it('is refused without props of its own that it needs, and with props that are none', () => {
    for (const more of [null, 3, 'x', [] as unknown]) {
      const error = thrown(make, () => ({}), Array.isArray(more) ? Object.assign([], more) : more);
      if (error !== undefined) expect((error as object).constructor, `${name} of ${more}: ${error}`).toBe(Error);
    }
    for (const prop of namesOf(make, least)) {
      const error = thrown(make, least, { [prop]: undefined });
      if (error !== undefined)
        expect(`${(error as object).constructor === Error} ${error}`).toMatch(/^true Error: .*'/);
    }
  });
});

it.each<[string, Props, string]>([
  ['Mesh', { dataPlane: 'x' }, "[shop/ID] 'dataPlane' (x) must be DataPlane.tulle() or DataPlane.linkerd2()"],
  [
    'Mesh',
    { components: 3 },
    "[shop/ID] 'components' (3) must be an object of destination, identity, proxyInjector, tap",
  ],
  ['Mesh', { components: { tap: { replicas: '2' } } }, "[shop/ID] 'components.tap.replicas' (2) must be a number"],
  ['Mesh', { replicas: 3 }, "[shop/ID] 'replicas' (3) must be one of opaquePorts, "],
  ['Mesh', { ipv6: null }, "[shop/ID] 'ipv6' (null) must be true or false, or be left out"],
  ['Mesh', { issuanceLifetime: '24h' }, "'issuanceLifetime' (24h) must be a Duration, such as Duration.seconds(5)"],
  ['MeshInjection', { inboundPolicy: 'deny' }, "'inboundPolicy' (deny) must be InboundPolicy.allUnauthenticated() or "],
  ['MeshedDeployment', { mesh: { proxy: { memoryLimit: '96Mi' } } }, "'mesh.proxy.memoryLimit' (96Mi) must be a Size"],
  ['TlsRoute', { hostnames: undefined }, "[shop/ID] 'hostnames' (undefined) must be given: a list, each of it a text"],
  ['TlsRoute', { hostnames: 'a.example' }, "[shop/ID] 'hostnames' (a.example) must be a list, each of it a text"],
  ['TcpRoute', { metadata: { name: 'A b' } }, "[shop/ID] 'metadata.name' (A b) must be the name of an object"],
  ['TcpRoute', { metadata: { namespace: 'a.b' } }, "'metadata.namespace' (a.b) must be a DNS label"],
  ['ServiceProfile', { clusterDomain: 'a b.' }, "[shop/ID] 'clusterDomain' (a b.) must be a DNS name"],
  [
    'HttpRoute',
    { rules: [{ match: [] }] },
    "'rules[0].match' ([]) must be one of matches, filters, backends, sessions",
  ],
  ['RateLimit', { overrides: [{ clients: [{}] }] }, "'overrides[0].clients[0]' ({}) must be a meshed workload"],
])('%s of %j is refused with path, name, value and what to do', (name, props, message) => {
  const [make, least] = subjects[name];
  expect(String(thrown(make, least, props)).replace(/subject-\d+/, 'ID')).toContain(message);
});

it.each<[string, Props]>([
  ['TcpRoute', { metadata: { name: 'a'.repeat(80) } }],
  ['TcpRoute', { metadata: { name: `${'a'.repeat(70)}.${'b'.repeat(182)}` } }],
  ['TcpRoute', { metadata: { name: 'a', labels: { tier: Lazy.any({ produce: () => 'back' }), team: undefined } } }],
  ['TcpRoute', { metadata: { name: 'a', annotations: { note: undefined } } }],
  ['MeshedNamespace', { name: 'shop', labels: { tier: Lazy.any({ produce: () => 'back' }), team: undefined } }],
])('%s takes what Kubernetes and cdk8s take: %j', (name, props) => {
  const [make, least] = subjects[name];
  expect(thrown(make, least, props)).toBeUndefined();
});

it('a label that is undefined is refused where it would select more', () => {
  const labels = { app: 'web', tier: undefined } as never;
  expect(() => library.PodSelector.labels(labels)).toThrow("'labels.tier' (undefined) must be a text");
});

const facets: Record<string, (shop: Shop) => object> = {
  'mesh of a workload': ({ orders }) => orders.mesh,
  MeshService: ({ service }) => library.MeshService.of(service),
  MeshTlsAuthentication: ({ chart, web }) => new library.MeshTlsAuthentication(chart, newId(), { clients: [web] }),
  Match: () => library.Match.any(),
  CanaryStep: () => library.CanaryStep.weight(1),
};
/** Methods that are nobody's but the class's own. */
const own = ['constructor', 'ask', 'onServices', 'once', 'remembered', 'withAccount', 'checkProps', 'at', 'withPath'];

it.each(Object.entries(facets))('words of a %s are refused with their name where they are of a wrong type', (_, of) => {
  const others: string[] = [];
  const prototype = Object.getPrototypeOf(of(new Shop())) as object;
  const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype) as Record<string, PropertyDescriptor>);
  for (const [name, { value: method }] of methods) {
    if (typeof method !== 'function' || /^(_|with)/.test(name) || own.includes(name)) continue;
    for (const value of [undefined, ...Object.values(values)]) {
      for (const rest of [[], [value]]) {
        try {
          method.call(of(new Shop()), value, ...rest);
        } catch (error) {
          const isOurs = (error as object).constructor === Error && /'[^']+' |names a peer/.test(String(error));
          if (!isOurs) others.push(`${name}(${String(value)}): ${error}`);
        }
      }
    }
  }
  expect(others).toEqual([]);
});

it('what refers to itself is refused like anything else', () => {
  const ring: Record<string, unknown> = {};
  ring.ring = ring;
  const [make, least] = subjects.Mesh;
  expect(String(thrown(make, least, { dataPlane: ring }))).toContain("'dataPlane' (an object) must be DataPlane");
  expect(String(thrown(make, least, { proxy: { environment: ring } }))).toContain("'proxy.environment.ring' (");
  for (const odd of [{ toJSON: () => undefined }, Object.assign(Object.create(null), { a: 1n }), Symbol('a'), 1n]) {
    expect(String(thrown(make, least, { dataPlane: odd }))).toContain("'dataPlane' (");
  }
});

it('every construct of the library is looked at', () => {
  const exported = Object.entries(library).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof Construct,
  );
  const names = exported.map(([name]) => name).filter((name) => name !== 'PolicyObject');
  expect(Object.keys(subjects)).toEqual(expect.arrayContaining(names));
});
