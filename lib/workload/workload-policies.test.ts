import { ApiObject, App, Chart, Duration, Testing } from 'cdk8s';
import { Deployment, Probe, Service, ServiceAccount } from 'cdk8s-plus-27';
import { beforeEach, describe, expect, it } from 'vitest';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { anyone, MeshModel } from '../../model/mesh-model.ts';
import {
  InboundPolicy,
  Injection,
  MeshedDeployment,
  type MeshedDeploymentProps,
  MeshPeer,
  MeshReference,
  Network,
  WorkloadMesh,
} from '../index.ts';

let app: App;
let chart: Chart;
beforeEach(() => {
  app = new App();
  chart = new Chart(app, 'shop', { namespace: 'shop' });
});

function workload(name: string, port?: number, props: MeshedDeploymentProps = {}, scope = chart): MeshedDeployment {
  const made = new MeshedDeployment(scope, name, {
    metadata: { name },
    containers: [{ image: `shop/${name}:1`, ...(port === undefined ? {} : { portNumber: port }) }],
    ...props,
  });
  if (port !== undefined) made.exposeViaService({ name, ports: [{ port }] });
  return made;
}

const objects = (kind?: string) => Testing.synth(chart).filter((object) => kind === undefined || object.kind === kind);
const callers = (of: MeshedDeployment, port?: number) => MeshModel.of(app).callersOf(of, port);
const failure = (): string => {
  try {
    app.synthYaml();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
};

describe('a workload that says who may call', () => {
  it('is called by nobody else, and each caller is told by an account of its own', () => {
    const [web, batch, orders] = [workload('web', 80), workload('batch'), workload('orders', 8080)];
    expect(callers(orders)).toContain(anyone);
    orders.mesh.allowFrom(web);
    expect(web.mesh.identity).toBe('web.shop.serviceaccount.identity.tulle.cluster.local');
    const model = MeshModel.of(app);
    expect(model.problems).toEqual([]);
    expect(model.callersOf(orders)).toEqual([web.mesh.identity]);
    const to = 'http://orders:8080/items';
    expect(model.call({ from: web, to })).toMatchObject({
      ...{ allowed: true, by: 'AuthorizationPolicy shop/orders-8080', mtls: true },
    });
    expect(model.call({ from: batch, to })).toMatchObject({ allowed: false, status: 403 });
    expect(model.call({ to: 'http://orders.shop:8080/' })).toMatchObject({ allowed: false, status: 403 });
    // The others are as they were.
    expect(model.callersOf(web)).toContain(anyone);
  });

  it('is so by these objects', () => {
    const [web, orders] = [workload('web'), workload('orders', 8080)];
    orders.mesh.allowFrom(web).allowUnmeshed(8080, Network.cidr('10.0.0.0/8', '10.1.0.0/16'));
    expect(objects()).toMatchSnapshot();
    for (const object of objects()) expect(validateObject(object)).toEqual([]);
    expect(objects()).toEqual(objects());
  });

  it('lets in all that it names, over several calls, however they are named', () => {
    const orders = workload('orders', 8080);
    const [web, batch] = [workload('web'), workload('batch')];
    const account = new ServiceAccount(chart, 'bots', { metadata: { name: 'bots' } });
    const bot = workload('bot', undefined, { serviceAccount: account });
    orders.mesh.allowFrom(web).allowFrom(account, batch);
    expect(callers(orders)).toEqual([batch, bot, web].map(({ mesh }) => mesh.identity));
    expect(objects('MeshTLSAuthentication')[0].spec.identities).toBeUndefined();
    const bank = new Chart(app, 'bank', { namespace: 'bank' });
    const [till, vault] = [workload('till', undefined, {}, bank), workload('vault', undefined, {}, bank)];
    orders.mesh.allowFrom(till);
    expect(callers(orders)).toContain(till.mesh.identity);
    expect(callers(orders)).not.toContain(vault.mesh.identity);
    orders.mesh.allowFrom('*.bank.serviceaccount.identity.tulle.cluster.local');
    expect(callers(orders)).toContain(vault.mesh.identity);
    expect(callers(orders)).toContain(web.mesh.identity);
  });

  it('lets in a namespace, and everybody of the mesh, but nobody from outside of it', () => {
    const [orders, stock] = [workload('orders', 8080), workload('stock', 8080)];
    const bank = new Chart(app, 'bank', { namespace: 'bank' });
    const till = workload('till', undefined, {}, bank);
    orders.mesh.allowFrom(MeshPeer.namespace('bank'));
    stock.mesh.allowFrom(MeshPeer.anyone());
    expect(callers(orders)).toEqual([till.mesh.identity]);
    expect(callers(stock)).toEqual([till, orders].map(({ mesh }) => mesh.identity));
  });

  it('guards every port of its containers, also those that are added later', () => {
    const [web, orders] = [workload('web'), workload('orders', 8080)];
    orders.mesh.allowFrom(web);
    orders.addContainer({ name: 'admin', image: 'shop/admin', ports: [{ number: 9000 }] });
    expect(objects('Server').map(({ spec }) => spec.port)).toEqual([8080, 9000]);
    orders.addContainer({ name: 'sql', image: 'shop/sql', ports: [{ number: 5432 }] });
    expect(objects('Server').map(({ spec }) => [spec.port, spec.proxyProtocol])).toEqual([
      [8080, 'unknown'],
      [9000, 'unknown'],
      [5432, 'opaque'],
    ]);
    expect(callers(orders)).toEqual([web.mesh.identity]);
    expect(callers(orders, 5432)).toEqual([web.mesh.identity]);
  });

  it('keeps its probes, which the kubelet sends without an identity', () => {
    const orders = workload('orders', undefined, {
      containers: [{ image: 'orders', portNumber: 8080, liveness: Probe.fromHttpGet('/live') }],
    });
    orders.exposeViaService({ name: 'orders' });
    orders.mesh.allowFrom(workload('web'));
    const model = MeshModel.of(app);
    expect(model.call({ to: 'http://orders.shop:8080/live' })).toMatchObject({ allowed: true });
    expect(model.call({ to: 'http://orders.shop:8080/items' })).toMatchObject({ allowed: false });
  });

  it('opens one port to those without an identity, and no other', () => {
    const orders = workload('orders', 8080);
    orders.addContainer({ name: 'metrics', image: 'shop/metrics', ports: [{ number: 9090 }] });
    const web = workload('web');
    orders.mesh.allowFrom(web).allowUnmeshed(9090);
    expect(callers(orders, 8080)).toEqual([web.mesh.identity]);
    expect(callers(orders, 9090)).toContain(anyone);
  });

  it('of unmeshed callers alone leaves its other ports as they are', () => {
    const orders = workload('orders', 8080);
    orders.addContainer({ name: 'metrics', image: 'shop/metrics', ports: [{ number: 9090 }] });
    orders.mesh.allowUnmeshed(9090, '10.0.0.0/8');
    expect(objects('Server').map(({ spec }) => spec.port)).toEqual([9090]);
  });

  it('passes on the bytes of ports that it calls opaque', () => {
    const [web, orders] = [workload('web'), workload('orders', 8080)];
    orders.mesh.opaquePorts(8080).allowFrom(web);
    expect(objects('Server')[0].spec).toMatchObject({ port: 8080, proxyProtocol: 'opaque' });
    expect(objects('Service')[0].metadata.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '8080' });
    expect(callers(orders)).toEqual([web.mesh.identity]);
  });

  it('has its Services know of opaque ports that are told of after they were made', () => {
    const sql = { name: 'sql', image: 'shop/sql', ports: [{ number: 3306 }] };
    const orders = workload('orders', undefined, {
      mesh: { opaquePorts: [8080] },
      containers: [{ image: 'o', portNumber: 8080 }, sql],
    });
    orders.exposeViaService({
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'sql', port: 3306 },
      ],
    });
    orders.mesh.opaquePorts(3306);
    expect(objects('Service')[0].metadata.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '80,3306' });
  });

  it('has objects that name no namespace where it names none, so that they come to one place', () => {
    chart = new Chart(app, 'any');
    workload('orders', 8080).mesh.allowFrom(workload('web'));
    expect(objects().filter(({ metadata }) => metadata.namespace !== undefined)).toEqual([]);
    expect(objects('Server')).toHaveLength(1);
  });

  it('is held by sidecars of explicit mode too', () => {
    const mesh = { injection: Injection.explicit() };
    const [web, batch] = [workload('web', 80, { mesh }), workload('batch', 80, { mesh })];
    const orders = workload('orders', 8080, { mesh });
    orders.mesh.allowFrom(web);
    expect(callers(orders)).toEqual([web.mesh.identity]);
    expect(batch.mesh.identity).toMatch(/^default\./);
    const pod = objects('Deployment').find(({ metadata }) => metadata.name === 'web').spec.template.spec;
    expect(pod.serviceAccountName).toBe('web');
  });

  it('knows names of a mesh with another namespace and domain', () => {
    MeshReference.of(app, { namespace: 'mesh', trustDomain: 'corp.example' });
    const [web, orders] = [workload('web'), workload('orders', 8080)];
    orders.mesh.allowFrom(web, 'x.y.serviceaccount.identity.mesh.corp.example');
    expect(objects('MeshTLSAuthentication')[0].spec.identities).toEqual([
      'x.y.serviceaccount.identity.mesh.corp.example',
      'web.shop.serviceaccount.identity.mesh.corp.example',
    ]);
  });
});

describe('a workload that asks more of requests', () => {
  const jwks = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';
  const opa = () => new Service(chart, 'opa', { metadata: { name: 'opa' }, ports: [{ port: 9191 }] });

  it('has an object for each of its ports that is not opaque', () => {
    const orders = workload('orders', 8080, { mesh: { opaquePorts: [5432] } });
    orders.addContainer({ name: 'sql', image: 'shop/sql', ports: [{ number: 5432 }] });
    orders.mesh
      .rateLimit({ requestsPerSecond: 100, perIdentity: 10 })
      .requireJwt({ issuer: 'https://id.example', audiences: ['orders'], jwks, claims: { scope: ['orders'] } })
      .authorizer(opa(), { timeout: Duration.seconds(1) });
    const policies = objects().filter(({ apiVersion }) => /policy.linkerd.io|tulle.dev/.test(apiVersion));
    expect(policies).toMatchSnapshot();
    for (const object of policies) expect(validateObject(object)).toEqual([]);
  });

  it('lets in without a token nobody, whoever they are', () => {
    const [web, orders] = [workload('web'), workload('orders', 8080)];
    orders.mesh.allowFrom(web).requireJwt({ issuer: 'https://id.example', jwks });
    const model = MeshModel.of(app);
    expect(model.problems).toEqual([]);
    const to = 'http://orders:8080/';
    expect(model.call({ from: web, to })).toMatchObject({ allowed: false, status: 401 });
    expect(model.call({ from: web, to, token: true })).toMatchObject({ allowed: true });
    expect(model.callersOf(orders)).toEqual([web.mesh.identity]);
  });

  it('is called by those who could call it before', () => {
    const namespace = new ApiObject(chart, 'namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', annotations: { 'config.linkerd.io/default-inbound-policy': 'all-authenticated' } },
    });
    const strict = { mesh: { inboundPolicy: InboundPolicy.deny() } };
    const guarded = { mesh: { requireIdentityOnPorts: [8080] } };
    const made = [workload('a', 8080), workload('b', 8080, strict), workload('c', 8080, guarded)];
    const before = made.map((each) => callers(each));
    for (const { mesh } of made) mesh.rateLimit({ requestsPerSecond: 1 });
    expect(made.map((each) => callers(each))).toEqual(before);
    expect(objects('Server').map(({ spec }) => spec.accessPolicy)).toEqual([
      'all-authenticated',
      'deny',
      'all-authenticated',
    ]);
    namespace.node.scope?.node.tryRemoveChild('namespace');
    expect(objects('Server').map(({ spec }) => spec.accessPolicy)).toEqual([
      'all-unauthenticated',
      'deny',
      'all-authenticated',
    ]);
  });

  it('may ask it of some ports alone', () => {
    const orders = workload('orders', 8080);
    orders.addContainer({ name: 'metrics', image: 'shop/metrics', ports: [{ number: 9090 }] });
    orders.mesh.rateLimit({ perIdentity: 10, ports: [8080] });
    expect(objects('Server').map(({ spec }) => spec.port)).toEqual([8080]);
  });

  it.each<[string, (orders: MeshedDeployment) => unknown, string]>([
    ['no limit', (orders) => orders.mesh.rateLimit({}), "'rateLimit' () must say a limit"],
    [
      'no port',
      (orders) => orders.mesh.rateLimit({ perIdentity: 1, ports: [] }),
      "shop/orders: 'ports' () must name one",
    ],
    [
      'two limits',
      (orders) => orders.mesh.rateLimit({ perIdentity: 1 }).rateLimit({ perIdentity: 2 }),
      "shop/orders: 'rateLimit' has been said already: say all of it at once",
    ],
    ['a token without keys', (orders) => orders.mesh.requireJwt({ issuer: 'me' }), "'jwksUri' or 'jwks' must be given"],
    [
      'an authorizer that is none',
      (orders) => orders.mesh.authorizer(orders),
      "'authorizer' (shop/orders, a Deployment)",
    ],
  ])('and refuses %s where it is said', (_, say, message) => {
    const orders = workload('orders', 8080);
    expect(() => say(orders)).toThrow(message);
  });

  it.each<[string, (orders: MeshedDeployment) => unknown, string]>([
    [
      'a port that is none of its',
      (orders) => orders.mesh.rateLimit({ perIdentity: 1, ports: [80] }),
      'rateLimit (80) must be of ports of its containers (8080)',
    ],
    [
      'an opaque port',
      (orders) => orders.mesh.opaquePorts(8080).rateLimit({ perIdentity: 1, ports: [8080] }),
      'rateLimit (8080) is about requests, and the port is opaque: take it out of opaquePorts',
    ],
    [
      'opaque ports alone',
      (orders) => orders.mesh.opaquePorts(8080).requireJwt({ issuer: 'me', jwks }),
      'requireJwt is about requests, and all of its ports (8080) are opaque',
    ],
  ])('and fails the synth for %s', (_, say, message) => {
    say(workload('orders', 8080));
    expect(failure()).toContain(`[shop/orders/Resource] ${message}`);
  });
});

describe('what is said wrong is refused where it is said:', () => {
  it.each<[string, (orders: MeshedDeployment) => unknown, string]>([
    ['nobody', (orders) => orders.mesh.allowFrom(), "shop/orders: 'allowFrom' () would let in nobody"],
    [
      'a peer that is nobody',
      (orders) => orders.mesh.allowFrom({ toMeshPeer: () => ({ identities: [] }) }),
      "shop/orders: 'allowFrom' names a peer that is nobody",
    ],
    [
      'a name without a dot',
      (orders) => orders.mesh.allowFrom('web'),
      "'allowFrom' (web) must be a name such as web.shop",
    ],
    ['two names', (orders) => orders.mesh.allowFrom('a.b, c.d'), "'allowFrom' (a.b, c.d) must be"],
    ['half a SPIFFE id', (orders) => orders.mesh.allowFrom('spiffe://corp'), "'allowFrom' (spiffe://corp) must be"],
    [
      'a caller without a sidecar',
      (orders) => orders.mesh.allowFrom(workload('web', 80, { mesh: { injection: Injection.disabled() } })),
      'shop/web has no sidecar (Injection.disabled()), so that it proves no identity: mesh it',
    ],
    [
      'the default account',
      (orders) => orders.mesh.allowFrom(ServiceAccount.fromServiceAccountName(chart, 'x', 'default')),
      "shop/orders: 'allowFrom' (default of default) cannot be told apart",
    ],
    [
      'what proves nothing',
      (orders) => orders.mesh.allowFrom(new ApiObject(chart, 'x', { apiVersion: 'v1', kind: 'Pod' }) as never),
      "shop/orders: 'allowFrom' (shop/x) proves no identity",
    ],
    [
      'a workload of cdk8s-plus without an account',
      (orders) => orders.mesh.allowFrom(new Deployment(chart, 'x', { containers: [{ image: 'x' }] })),
      "shop/orders: 'allowFrom' (shop/x) proves no identity of its own: make it a MeshedDeployment or meshed(...)",
    ],
    ['a namespace', () => MeshPeer.namespace('a.b'), "'name' (a.b) must be the name of a namespace"],
    ['port 0', (orders) => orders.mesh.allowUnmeshed(0), "shop/orders: 'port' (0) must be a port from 1 to 65535"],
    [
      'no network',
      (orders) => orders.mesh.allowUnmeshed(8080, 'x'),
      "'networks[0]' (x) must be Network.cidr() or Network.everywhere(), or an address or a network",
    ],
    [
      'a hole outside',
      () => Network.cidr('10.0.0.0/8', '11.0.0.0/8'),
      "'except' (11.0.0.0/8) must lie inside 10.0.0.0/8",
    ],
    [
      'all but all',
      () => Network.cidr('10.0.0.0/8', '10.0.0.0/8'),
      "'except' (10.0.0.0/8) leaves nothing of 10.0.0.0/8",
    ],
    ['no hole', () => Network.cidr('10.0.0.0/8', 'x'), "'except' (x) must be an address or a network"],
    ['an opaque port', (orders) => orders.mesh.opaquePorts(70_000), "shop/orders: 'opaquePorts' (70000) must be ports"],
    ['no opaque port', (orders) => orders.mesh.opaquePorts(), "shop/orders: 'opaquePorts' () must be ports"],
  ])('%s', (_, say, message) => {
    const orders = workload('orders', 8080);
    expect(() => say(orders)).toThrow(message);
  });
});

describe('what cannot hold fails the synth, with construct, value and fix:', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a workload without ports',
      () => workload('orders').mesh.allowFrom(workload('web')),
      '[shop/orders/Resource] has no port whose callers could be told apart: give its containers the ports',
    ],
    [
      'a port that is none of its',
      () => workload('orders', 8080).mesh.allowUnmeshed(9090),
      '[shop/orders/Resource] allowUnmeshed (9090) must be a port of its containers (8080): declare it there',
    ],
    [
      'a port that calls reach without the proxy',
      () => workload('orders', 8080, { mesh: { skipInboundPorts: [8080] } }).mesh.allowFrom(workload('web')),
      '[shop/orders/Resource] port 8080 is among skipInboundPorts',
    ],
    [
      'a caller whose account is said to be the default one',
      () =>
        workload('orders', 8080).mesh.allowFrom(
          workload('web', 80, {
            serviceAccount: ServiceAccount.fromServiceAccountName(chart, 'x', 'default'),
          }),
        ),
      "[shop/web/Resource] is named as a caller, and runs as the account 'default', which others run as too",
    ],
    [
      'a caller whose name is too long for that of its identity',
      () => workload('orders', 8080).mesh.allowFrom(workload('w'.repeat(64))),
      `[shop/${'w'.repeat(64)}/Resource] is named as a caller, and its name '${'w'.repeat(64)}' cannot be`,
    ],
    [
      'a name too long for those of its objects',
      () =>
        new MeshedDeployment(chart, 'orders', {
          metadata: { name: 'o'.repeat(250) },
          containers: [{ image: 'o', portNumber: 8080 }],
        }).mesh.allowFrom(workload('web')),
      'give the workload one that is shorter by 5',
    ],
  ])('%s', (_, make, message) => {
    make();
    expect(failure()).toContain('What is said of workloads cannot hold:\n  ');
    expect(failure()).toContain(message);
  });

  it('an HTTP probe of an opaque port', () => {
    const orders = workload('orders', undefined, {
      containers: [{ image: 'orders', portNumber: 8080, liveness: Probe.fromHttpGet('/live') }],
      mesh: { opaquePorts: [8080] },
    });
    orders.mesh.allowFrom(workload('web'));
    expect(failure()).toContain(
      "[shop/orders/Resource] Deployment shop/orders: port 8080 is opaque, so that the kubelet's HTTP probe of it",
    );
    orders.mesh.allowUnmeshed(8080, '10.0.0.0/8');
    expect(failure()).toBe('nothing');
  });

  it('a gRPC probe, which comes without an identity', () => {
    const orders = new ApiObject(chart, 'orders', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      spec: {
        selector: { matchLabels: { app: 'orders' } },
        template: {
          metadata: { labels: { app: 'orders' } },
          spec: { containers: [{ name: 'o', image: 'o', livenessProbe: { grpc: { port: 9000 } } }] },
        },
      },
    });
    const mesh = new WorkloadMesh(orders, 'orders');
    mesh.allowFrom(workload('web'));
    expect(failure()).toContain(': port 9000 has a gRPC probe, which comes without an identity');
    mesh.allowUnmeshed(9000, '10.0.0.0/8');
    expect(failure()).toBe('nothing');
  });
});
