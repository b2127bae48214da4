import { generateKeyPairSync } from 'node:crypto';
import { ApiObject, App, Chart, Duration, Testing } from 'cdk8s';
import { Role, Service, ServiceAccount, User } from 'cdk8s-plus-27';
import { Deployment as Deployment33 } from 'cdk8s-plus-33';
import { beforeEach, describe, expect, it } from 'vitest';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { MeshModel } from '../../model/mesh-model.ts';
import {
  AuthorizationPolicy,
  EgressPolicy,
  EgressTraffic,
  ExternalAuthorization,
  InboundPolicy,
  MeshedDeployment,
  MeshTlsAuthentication,
  Network,
  NetworkAuthentication,
  PodSelector,
  PolicyTarget,
  Port,
  ProxyProtocol,
  RateLimit,
  RequestAuthentication,
  Server,
  TokenPlace,
} from '../index.ts';

const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const jwks = JSON.stringify({ keys: [jwk] });
const fixed = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';

let app: App;
let chart: Chart;
let orders: MeshedDeployment;
let web: MeshedDeployment;
let server: Server;
let opa: Service;
beforeEach(() => {
  app = new App();
  chart = new Chart(app, 'shop', { namespace: 'shop' });
  const workload = (name: string) =>
    new MeshedDeployment(chart, name, { metadata: { name }, containers: [{ image: name, portNumber: 8080 }] });
  [orders, web] = [workload('orders'), workload('web')];
  orders.exposeViaService({ name: 'orders' });
  server = new Server(chart, 'server', { pods: orders, port: Port.number(8080) });
  opa = new Service(chart, 'opa', { metadata: { name: 'opa' }, ports: [{ port: 9191 }] });
});

/** Everything of policy that is synthesized; the webhook has nothing against it. */
function policies() {
  const found = Testing.synth(chart).filter(({ apiVersion }) => /^(policy\.linkerd\.io|tulle\.dev)\//.test(apiVersion));
  for (const object of found) expect(validateObject(object)).toEqual([]);
  return found;
}
const specOf = (kind: string) => policies().find((object) => object.kind === kind).spec;

it('objects refer to each other by constructs', () => {
  const bots = new ServiceAccount(chart, 'bots', { metadata: { name: 'bots' } });
  const clients = new MeshTlsAuthentication(chart, 'clients', { clients: [web, bots] });
  const inside = new NetworkAuthentication(chart, 'inside', {
    networks: ['10.0.0.0/8', Network.cidr('fd00::/8', 'fd00::1')],
  });
  new AuthorizationPolicy(chart, 'policy', { target: server, authentications: [clients, inside] });
  new AuthorizationPolicy(chart, 'of-namespace', { target: PolicyTarget.namespace(), authentications: [bots] });
  new RateLimit(chart, 'limit', {
    target: server,
    requestsPerSecond: 100,
    perIdentity: 10,
    overrides: [{ clients: [web, bots], requestsPerSecond: 50 }],
  });
  new EgressPolicy(chart, 'internet', {
    traffic: EgressTraffic.deny(),
    networks: [Network.cidr('0.0.0.0/0', '10.0.0.0/8')],
  });
  new RequestAuthentication(chart, 'users', {
    target: server,
    issuers: [
      {
        issuer: 'https://id.example',
        audiences: ['orders'],
        jwks: fixed,
        from: [TokenPlace.header('x-token', 'Token '), TokenPlace.cookie('session'), TokenPlace.queryParameter('t')],
        forwardToken: true,
        claimsToHeaders: { 'x-user': 'sub' },
      },
    ],
    claims: { scope: ['read', 'write'], email: [] },
  });
  new ExternalAuthorization(chart, 'asked', {
    target: server,
    authorizer: opa,
    timeout: Duration.seconds(2),
    failOpen: false,
    includeRequestHeaders: ['x-ticket'],
    headersToBackend: ['x-user'],
    context: { tenant: 'shop' },
  });
  expect(policies()).toMatchSnapshot();
  expect(Testing.synth(chart)).toEqual(Testing.synth(chart));
});

it('who is named may call, and nobody else', () => {
  const clients = new MeshTlsAuthentication(chart, 'clients', { clients: [web] });
  new AuthorizationPolicy(chart, 'policy', { target: server, authentications: [clients] });
  expect(MeshModel.of(app).callersOf(orders)).toEqual([web.mesh.identity]);
  const bank = new Chart(app, 'bank', { namespace: 'bank' });
  const till = new MeshedDeployment(bank, 'till', { containers: [{ image: 'till' }] });
  clients.addClients(till);
  expect(MeshModel.of(app).callersOf(orders)).toEqual([till, web].map(({ mesh }) => mesh.identity).sort());
});

it('a route of a Server can be a target, and an account of another namespace an authentication', () => {
  const apiVersion = 'gateway.networking.k8s.io/v1';
  const spec = { parentRefs: [{ group: 'policy.linkerd.io', kind: 'Server', name: server.name }] };
  const route = new ApiObject(chart, 'route', {
    apiVersion,
    kind: 'HTTPRoute',
    metadata: { name: 'items' },
    ...{ spec },
  });
  const account = new ServiceAccount(new Chart(app, 'bank', { namespace: 'bank' }), 'till');
  new AuthorizationPolicy(chart, 'policy', { target: route, authentications: [account] });
  expect(specOf('AuthorizationPolicy')).toEqual({
    targetRef: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'items' },
    requiredAuthenticationRefs: [{ kind: 'ServiceAccount', name: account.name, namespace: 'bank' }],
  });
});

it('an authorizer that is to be told no header is told none', () => {
  new ExternalAuthorization(chart, 'asked', { target: server, authorizer: opa, includeRequestHeaders: [] });
  expect(specOf('ExternalAuthorization').includeRequestHeaders).toEqual([]);
});

describe('a Server', () => {
  it.each<[string, PodSelector | (() => ApiObject | Deployment33), object]>([
    ['labels', PodSelector.labels({ app: 'web' }), { matchLabels: { app: 'web' } }],
    ['every pod', PodSelector.all(), {}],
    [
      'a workload of another cdk8s-plus',
      () => new Deployment33(chart, 'new', { containers: [{ image: 'x' }] }),
      { matchLabels: { 'cdk8s.io/metadata.addr': 'shop-new-c813391e' } },
    ],
    [
      'an object by its selector',
      () =>
        new ApiObject(chart, 'raw', {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          spec: { selector: { matchLabels: { app: 'raw' } } },
        }),
      { matchLabels: { app: 'raw' } },
    ],
    [
      'an object by the labels of its pods',
      () =>
        new ApiObject(chart, 'job', {
          apiVersion: 'batch/v1',
          kind: 'Job',
          spec: { template: { metadata: { labels: { app: 'job' } }, spec: { containers: [] } } },
        }),
      { matchLabels: { app: 'job' } },
    ],
  ])('selects %s', (_, pods, podSelector) => {
    const made = new Server(chart, 'made', { pods: pods instanceof PodSelector ? pods : pods(), port: Port.number(1) });
    expect(made.apiObject.toJson().spec).toMatchObject({ podSelector });
  });

  it.each([
    [ProxyProtocol.detect(), 'unknown'],
    [ProxyProtocol.http1(), 'HTTP/1'],
    [ProxyProtocol.http2(), 'HTTP/2'],
    [ProxyProtocol.grpc(), 'gRPC'],
    [ProxyProtocol.opaque(), 'opaque'],
    [ProxyProtocol.tls(), 'TLS'],
  ])('speaks %o', (protocol, proxyProtocol) => {
    const accessPolicy = InboundPolicy.audit();
    const made = new Server(chart, 'made', { pods: orders, port: Port.named('http'), protocol, accessPolicy });
    expect(made.apiObject.toJson().spec).toMatchObject({ port: 'http', proxyProtocol, accessPolicy: 'audit' });
    expect(validateObject(made.apiObject.toJson())).toEqual([]);
  });
});

describe('refuses', () => {
  const server_ = (more: object = {}) => new Server(chart, 'x', { pods: orders, port: Port.number(80), ...more });
  const limit = (more: object) => new RateLimit(chart, 'x', { target: server, ...more });
  const users = (issuer: object, more: object = {}) =>
    new RequestAuthentication(chart, 'x', { target: server, issuers: [{ issuer: 'me', jwks, ...issuer }], ...more });
  const asked = (more: object) => new ExternalAuthorization(chart, 'x', { target: server, authorizer: opa, ...more });
  const policy = (more: object) =>
    new AuthorizationPolicy(chart, 'x', {
      target: server,
      authentications: [new MeshTlsAuthentication(chart, 'c', { clients: [web] })],
      ...more,
    });
  const elsewhere = () =>
    new Server(new Chart(app, 'bank', { namespace: 'bank' }), 'server', { pods: orders, port: Port.number(1) });

  it.each<[string, () => unknown, string]>([
    ['port 0', () => Port.number(0), "'port' (0) must be a port from 1 to 65535"],
    ['a port by a long name', () => Port.named('a'.repeat(16)), 'must be the name of a container port'],
    ['a port by a number as name', () => Port.named('80'), "'name' (80) must be the name of a container port"],
    ['no labels', () => PodSelector.labels({}), "'labels' ({}) must have one: PodSelector.all()"],
    ['pods that are none', () => server_({ pods: app }), "'pods' () must be a workload or a PodSelector"],
    [
      'a workload without labels',
      () => server_({ pods: new ApiObject(chart, 'p', { apiVersion: 'v1', kind: 'Pod' }) }),
      "'pods' (shop/p) must be a workload whose pods have labels",
    ],
    ['no clients', () => new MeshTlsAuthentication(chart, 'x', { clients: [] }), "'clients' () must name somebody"],
    [
      'a client that is no account',
      () => new MeshTlsAuthentication(chart, 'x', { clients: [User.fromName(chart, 'u', 'me')] }),
      "'clients' (User me) must be a workload, a ServiceAccount or an identity",
    ],
    ['no network', () => new NetworkAuthentication(chart, 'x', { networks: [] }), "'networks' () must name one"],
    ['half a network', () => new NetworkAuthentication(chart, 'x', { networks: ['10'] }), "'networks[0]' (10) must be"],
    [
      'an allow for everybody',
      () => policy({ authentications: [] }),
      "'authentications' () must name one, or everybody",
    ],
    [
      'an authentication that is none',
      () => policy({ authentications: [new Role(chart, 'r')] }),
      "'authentications' (shop/r, a Role) must be a MeshTlsAuthentication",
    ],
    [
      'two who would have to be one',
      () =>
        policy({
          authentications: ['a', 'b'].map((name) => new ServiceAccount(chart, name, { metadata: { name } })),
        }),
      "'authentications' (ServiceAccount a, ServiceAccount b) must hold all at once, and no client is two",
    ],
    [
      'a target that is none',
      () => policy({ target: orders }),
      "'target' (shop/orders, a Deployment) must be Server or",
    ],
    [
      'a target elsewhere',
      () => policy({ target: elsewhere() }),
      "'target' (bank/server) is in the namespace bank, and the rule in shop",
    ],
    ['no limit', () => limit({}), "'rateLimit' () must say a limit"],
    [
      'half a request',
      () => limit({ requestsPerSecond: 0.5 }),
      "'requestsPerSecond' (0.5) must be a whole number from 1",
    ],
    [
      'more for one than for all',
      () => limit({ requestsPerSecond: 5, perIdentity: 10 }),
      "'perIdentity' (10) must not be more than 'requestsPerSecond' (5)",
    ],
    [
      'a limit of nobody',
      () => limit({ overrides: [{ clients: [], requestsPerSecond: 1 }] }),
      "'overrides.clients' () must name a workload",
    ],
    [
      'two limits of one',
      () => limit({ overrides: [{ clients: [web, web], requestsPerSecond: 1 }] }),
      "'overrides.clients' (shop/web) must be named once",
    ],
    [
      'a limit of a namespace',
      () => limit({ target: new ApiObject(chart, 'n', { apiVersion: 'v1', kind: 'Namespace' }), perIdentity: 1 }),
      "'target' (shop/n, a Namespace) must be Server",
    ],
    [
      'no networks to leave to',
      () => new EgressPolicy(chart, 'x', { traffic: EgressTraffic.allow(), networks: [] }),
      "'networks' () must name one: leave it out",
    ],
    ['no issuers', () => users({}, { issuers: [] }), "'issuers' () must name one"],
    ['an issuer without a name', () => users({ issuer: '' }), 'spec.jwtRules[0].issuer must not be empty'],
    ['no keys', () => users({ jwks: undefined }), "'jwksUri' or 'jwks' must be given for me, one of them: neither"],
    [
      'two key sets',
      () => users({ jwksUri: 'https://a/' }),
      "'jwksUri' or 'jwks' must be given for me, one of them: both",
    ],
    [
      'keys at no URL',
      () => users({ jwks: undefined, jwksUri: 'ftp://a' }),
      "'jwksUri' (ftp://a) must be an https URL",
    ],
    ['a secret', () => users({ jwks: '{"keys":[{"kty":"oct","k":"AA"}]}' }), "'jwks' keys[0]: must be a public key"],
    [
      'claims of those who bring none',
      () => users({}, { optional: true, claims: { scope: [] } }),
      "'claims' (scope) must be left out where 'optional' is true",
    ],
    ['a claim in the host', () => users({ claimsToHeaders: { Host: 'sub' } }), "'claimsToHeaders' (Host) must not be"],
    [
      "a claim in the token's place",
      () => users({ claimsToHeaders: { Authorization: 'sub' } }),
      "'claimsToHeaders' (Authorization) must not be a header that tokens stand in",
    ],
    [
      'two claims in one header',
      () => users({ claimsToHeaders: { 'x-a': 'a', 'X-A': 'b' } }),
      "'claimsToHeaders' (X-A) must not be that of another claim",
    ],
    ['a header that is none', () => users({ from: [TokenPlace.header('a b')] }), 'fromHeaders[0].name (a b) must'],
    [
      'an authorizer that is none',
      () => asked({ authorizer: orders }),
      "'authorizer' (shop/orders, a Deployment) must be",
    ],
    ['a port that it has not', () => asked({ port: 80 }), "'port' (80) must be a port of shop/opa: 9191"],
    [
      'one of several ports, unsaid',
      () =>
        asked({
          authorizer: new Service(chart, 's', {
            ports: [
              { port: 1, name: 'a' },
              { port: 2, name: 'b' },
            ],
          }),
        }),
      "'port' must be said of shop/s, which has several (1, 2)",
    ],
    [
      'too long a wait',
      () => asked({ timeout: Duration.seconds(11) }),
      "'timeout' (11000ms) must be from 1ms to 10000ms",
    ],
    [
      'words of the mesh',
      () => asked({ includeRequestHeaders: ['L5d-client-id'] }),
      "'includeRequestHeaders' (L5d-client-id) must not begin with l5d-",
    ],
    ['the host', () => asked({ headersToBackend: ['host'] }), "'headersToBackend' (host) must not be a header"],
    [
      'an authorizer of a namespace',
      () => asked({ target: PolicyTarget.namespace() }),
      "'target' (namespace shop) must be Server or",
    ],
    [
      'a limit of the namespace',
      () => limit({ target: PolicyTarget.namespace(), perIdentity: 1 }),
      'must be Server: such',
    ],
  ])('%s, with the prop, its value and what to do', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
