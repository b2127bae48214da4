import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { injectConfig } from '../inject/config.ts';
import { installedConfig } from '../inject/installed-config.ts';
import type { Manifest } from '../inject/kubernetes.ts';
import { nameOf } from './manifest-model.ts';
import { modelOfManifests } from './model-of-manifests.ts';
import { review } from './review.ts';
import { rules } from './rules/index.ts';

const policy = 'policy.linkerd.io/v1alpha1';
const object = (apiVersion: string, kind: string, name: string, spec?: object, metadata: object = {}): Manifest =>
  ({ apiVersion, kind, metadata: { name, namespace: 'shop', ...metadata }, ...(spec && { spec }) }) as Manifest;

const namespace = (annotations: Record<string, string> = { 'tulle.dev/inject': 'enabled' }): Manifest => ({
  ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', annotations } },
});
const workload = (name: string, container: object = {}, annotations: Record<string, string> = {}): Manifest =>
  object('apps/v1', 'Deployment', name, {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, annotations },
      spec: {
        serviceAccountName: name,
        containers: [{ name: 'app', image: name, ports: [{ containerPort: 80, name: 'http' }], ...container }],
      },
    },
  });
const service = (name: string, ...ports: number[]): Manifest =>
  object('v1', 'Service', name, { selector: { app: name }, ports: ports.map((port) => ({ port })) });
const parentRefs = [{ group: '', kind: 'Service', name: 'web', port: 80 }];
const route = (rules: object[], name = 'route', kind = 'HTTPRoute', spec: object = {}): Manifest =>
  object('gateway.networking.k8s.io/v1', kind, name, { parentRefs, rules, ...spec });
const far = (of: string): Manifest =>
  object('v1', 'Service', 'far', { selector: { app: 'far' }, ports: [{ port: 80 }] }, { namespace: of });
const toFar = route([{ backendRefs: [{ name: 'far', namespace: 'bank', port: 80 }] }]);
const ofFar = route([{}], 'route', 'HTTPRoute', {
  parentRefs: [{ group: '', kind: 'Service', name: 'far', namespace: 'bank', port: 80 }],
});
const mirrored = route([
  { filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'far', namespace: 'bank', port: 80 } } }] },
]);
const grant = (of: string, from: object = {}, name?: string): Manifest =>
  object(
    'gateway.networking.k8s.io/v1beta1',
    'ReferenceGrant',
    'grant',
    {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop', ...from }],
      to: [{ group: '', kind: 'Service', ...(name && { name }) }],
    },
    { namespace: of },
  );
const speaks = (appProtocol: string): Manifest =>
  object('v1', 'Service', 'web', { ports: [{ port: 80, appProtocol }] });
const ofDatabase = route([{}], 'route', 'HTTPRoute', {
  parentRefs: [{ group: '', kind: 'Service', name: 'db', port: 3306 }],
});
const bytesRoute = (kind: string, name: string, hostnames?: string[]): Manifest =>
  object('gateway.networking.k8s.io/v1alpha2', kind, name, {
    parentRefs,
    hostnames,
    rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
  });
const profile = (name: string, dstOverrides: object[] = []): Manifest =>
  object('linkerd.io/v1alpha2', 'ServiceProfile', `${name}.shop.svc.cluster.local`, { routes: [], dstOverrides });
const server = (name: string, spec: object = {}): Manifest =>
  object('policy.linkerd.io/v1beta3', 'Server', name, {
    ...{ podSelector: { matchLabels: { app: 'web' } }, port: 'http', proxyProtocol: 'HTTP/1' },
    ...spec,
  });
const group = 'policy.linkerd.io';
const allow = (target: object, ...refs: object[]): Manifest =>
  object(policy, 'AuthorizationPolicy', 'allow', {
    targetRef: { group, ...target },
    requiredAuthenticationRefs: refs.map((ref) => ({ group, ...ref })),
  });
const meshTls = (spec: object): Manifest => object(policy, 'MeshTLSAuthentication', 'callers', spec);
const networks = (...list: object[]): Manifest => object(policy, 'NetworkAuthentication', 'nodes', { networks: list });
const callers = { kind: 'MeshTLSAuthentication', name: 'callers' };
const nodes = { kind: 'NetworkAuthentication', name: 'nodes' };
const ofServer = { kind: 'Server', name: 'web' };
const scrape = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '80' };
const enabled = { 'tulle.dev/inject': 'enabled' };
const httpProbe = { livenessProbe: { httpGet: { port: 80, path: '/live' } } };
const httpsProbe = { livenessProbe: { httpGet: { port: 'http', path: '/live', scheme: 'HTTPS' } } };
const hook = (name: string, path: string) => ({ lifecycle: { [name]: { httpGet: { port: 80, path } } } });
const unknown = { proxyProtocol: 'unknown' };
const anybody = { accessPolicy: 'all-unauthenticated' };
const tokens = (spec: object = {}): Manifest =>
  object('tulle.dev/v1alpha1', 'RequestAuthentication', 'users', {
    targetRef: { group, ...ofServer },
    jwtRules: [{ issuer: 'https://id.example', jwksUri: 'https://id.example/keys' }],
    ...spec,
  });
const grpcProbe = { livenessProbe: { grpc: { port: 80 } } };

const annotated = (annotation: string, value: string): Manifest => {
  const bare = service('web', 80);
  return { ...bare, metadata: { ...bare.metadata, annotations: { [annotation]: value } } };
};

const told = (manifests: readonly Manifest[]): string[] =>
  review(
    modelOfManifests(
      manifests.map((manifest) => ({ manifest })),
      injectConfig(),
    ),
  ).map(({ rule, severity, at, field }) => `${severity} ${rule} ${nameOf(at.manifest)} ${field}`.trim());

/** A rule, manifests that break it, what is told; beside it, the same as it should be. */
const table: readonly [rule: string, broken: Manifest[], told: string, sound: Manifest[]][] = [
  ['schema', [server('web', { podSelector: undefined })], 'error schema Server shop/web spec', [server('web')]],
  ['schema', [server('web', { protocol: 'HTTP/1' })], 'error schema Server shop/web spec.protocol', [server('web')]],
  [
    'gateway-schema',
    [route([{ matches: [{ path: { type: 'Prefix', value: '/' } }] }])],
    'error gateway-schema HTTPRoute shop/route spec.rules[0].matches[0].path.type',
    [route([{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }])],
  ],
  [
    'gateway-schema',
    [route([{ backendRef: [] }])],
    'warning gateway-schema HTTPRoute shop/route spec.rules[0].backendRef',
    [route([{ backendRefs: [] }])],
  ],
  [
    'gateway-schema',
    [route([{ timeouts: { request: 2 } }])],
    'error gateway-schema HTTPRoute shop/route spec.rules[0].timeouts.request',
    [route([{ timeouts: { request: '2s' } }])],
  ],
  [
    'gateway-schema',
    [route([{ filters: [{ type: 'CORS' }] }], 'calls', 'GRPCRoute')],
    'error gateway-schema GRPCRoute shop/calls spec.rules[0].filters[0].type',
    [route([{ filters: [{ type: 'RequestHeaderModifier' }] }], 'calls', 'GRPCRoute')],
  ],
  [
    'gateway-schema',
    [route([{}], 'bytes', 'TCPRoute')],
    'error gateway-schema TCPRoute shop/bytes spec.rules[0].backendRefs',
    [route([{ backendRefs: [{ name: 'web', port: 80 }] }], 'bytes', 'TCPRoute')],
  ],
  [
    'gateway-schema',
    [route([{ backendRefs: [{ name: 'web', port: 80 }] }], 'names', 'TLSRoute')],
    'error gateway-schema TLSRoute shop/names spec.hostnames',
    [route([{ backendRefs: [{ name: 'web', port: 80 }] }], 'names', 'TLSRoute', { hostnames: ['a.example'] })],
  ],
  [
    'no-effect',
    [annotated('balancer.linkerd.io/failure-accrual', 'always')],
    "error no-effect Service shop/web metadata.annotations['balancer.linkerd.io/failure-accrual']",
    [annotated('balancer.linkerd.io/failure-accrual', 'consecutive')],
  ],
  [
    'backend-weights',
    [service('web', 80), route([{ backendRefs: [{ name: 'web', port: 80, weight: 0 }] }])],
    'error backend-weights HTTPRoute shop/route spec.rules[0].backendRefs',
    [service('web', 80), route([{ backendRefs: [{ name: 'web', port: 80, weight: 1 }] }])],
  ],
  [
    'backend-weights',
    [
      service('web', 80),
      service('next', 80),
      route([
        {
          backendRefs: [
            { name: 'web', port: 80, weight: 90 },
            { name: 'next', port: 80 },
          ],
        },
      ]),
    ],
    'warning backend-weights HTTPRoute shop/route spec.rules[0].backendRefs',
    [
      service('web', 80),
      service('next', 80),
      route([
        {
          backendRefs: [
            { name: 'web', port: 80, weight: 90 },
            { name: 'next', port: 80, weight: 10 },
          ],
        },
      ]),
    ],
  ],
  [
    'backend-weights',
    [
      object('linkerd.io/v1alpha2', 'ServiceProfile', 'web.shop.svc.cluster.local', {
        routes: [],
        dstOverrides: [{ authority: 'next.shop.svc.cluster.local', weight: '0m' }],
      }),
    ],
    'error backend-weights ServiceProfile shop/web.shop.svc.cluster.local spec.dstOverrides',
    [],
  ],
  [
    'unknown-port',
    [service('web', 80), service('next', 8080), route([{ backendRefs: [{ name: 'next', port: 80 }] }])],
    'error unknown-port HTTPRoute shop/route spec.rules[0].backendRefs[0].port',
    [service('web', 80), service('next', 8080), route([{ backendRefs: [{ name: 'next', port: 8080 }] }])],
  ],
  [
    'unknown-service',
    [
      service('web', 80),
      route([{ filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'copy', port: 80 } } }] }]),
    ],
    'warning unknown-service HTTPRoute shop/route spec.rules[0].filters[0].requestMirror.backendRef.name',
    [service('web', 80), route([{ backendRefs: [{ name: 'till', namespace: 'bank', port: 80 }] }])],
  ],
  [
    'ungranted-backend',
    [service('web', 80), far('bank'), toFar],
    'warning ungranted-backend HTTPRoute shop/route spec.rules[0].backendRefs[0]',
    [service('web', 80), far('bank'), toFar, grant('bank')],
  ],
  [
    'ungranted-backend', // a grant for others
    [service('web', 80), far('bank'), toFar, grant('bank', { kind: 'GRPCRoute' }), grant('bank', {}, 'other')],
    'warning ungranted-backend HTTPRoute shop/route spec.rules[0].backendRefs[0]',
    [service('web', 80), far('bank'), toFar, grant('bank', {}, 'far')],
  ],
  [
    'ungranted-backend', // a copy, too
    [service('web', 80), far('bank'), mirrored],
    'warning ungranted-backend HTTPRoute shop/route spec.rules[0].filters[0].requestMirror.backendRef',
    [service('web', 80), mirrored], // who knows
  ],
  [
    'route-without-clients',
    [far('bank'), ofFar],
    'warning route-without-clients HTTPRoute shop/route spec.parentRefs[0]',
    [far('bank'), ofFar, workload('till')],
  ],
  [
    'never-matched',
    [annotated('config.linkerd.io/opaque-ports', '80'), route([{}])],
    'error never-matched HTTPRoute shop/route spec.parentRefs[0]',
    [namespace(), service('web', 80), route([{}])],
  ],
  [
    'never-matched',
    [speaks('https'), route([{}])],
    'error never-matched HTTPRoute shop/route spec.parentRefs[0]',
    [speaks('http'), route([{}])],
  ],
  [
    'never-matched',
    [speaks('http'), route([{}], 'calls', 'GRPCRoute')],
    'error never-matched GRPCRoute shop/calls spec.parentRefs[0]',
    [speaks('kubernetes.io/h2c'), route([{}], 'calls', 'GRPCRoute')],
  ],
  [
    'never-matched', // by default
    [namespace(), service('db', 3306), ofDatabase],
    'error never-matched HTTPRoute shop/route spec.parentRefs[0]',
    [namespace({ ...enabled, 'config.tulle.dev/opaque-ports': '' }), service('db', 3306), ofDatabase],
  ],
  [
    'never-matched',
    [service('web', 80), route([{}, { matches: [{ path: { value: '/v2' } }, { method: 'GET' }] }, {}])],
    'error never-matched HTTPRoute shop/route spec.rules[2]',
    [service('web', 80), route([{ matches: [{ path: { value: '/v2' } }] }, {}])],
  ],
  [
    'never-matched',
    [service('web', 80), route([{}]), route([{ matches: [{ method: { service: 's' } }] }], 'calls', 'GRPCRoute')],
    'error never-matched HTTPRoute shop/route spec.parentRefs',
    [
      service('web', 80),
      service('calls', 80),
      route([{}]),
      route([{}], 'calls', 'GRPCRoute', { parentRefs: [{ kind: 'Service', name: 'calls', group: '' }] }),
    ],
  ],
  [
    'never-matched',
    [
      server('web'),
      ...['a', 'b'].map((name) =>
        object('policy.linkerd.io/v1beta3', 'HTTPRoute', name, { parentRefs: [{ group, ...ofServer }], rules: [{}] }),
      ),
    ],
    'error never-matched HTTPRoute shop/b spec.rules[0]',
    [],
  ],
  [
    'never-connected',
    [service('web', 80), ...['a', 'b'].map((name) => bytesRoute('TLSRoute', name, ['a.example', `${name}.example`]))],
    'error never-connected TLSRoute shop/b spec.hostnames[0]',
    [service('web', 80), ...['a', 'b'].map((name) => bytesRoute('TLSRoute', name, [`${name}.example`]))],
  ],
  [
    'never-connected',
    [service('web', 80), route([{}]), bytesRoute('TCPRoute', 'bytes')],
    'error never-connected TCPRoute shop/bytes spec.parentRefs',
    [service('web', 80), bytesRoute('TCPRoute', 'bytes')],
  ],
  [
    'profile-before-route',
    [service('web', 80), route([{}]), profile('web')],
    'error profile-before-route ServiceProfile shop/web.shop.svc.cluster.local',
    [service('web', 80), route([{}]), profile('next')],
  ],
  [
    'unknown-port',
    [service('web', 80), profile('next', [{ authority: 'web.shop.svc.cluster.local:81', weight: 1 }])],
    'error unknown-port ServiceProfile shop/next.shop.svc.cluster.local spec.dstOverrides[0].authority',
    [service('web', 80), profile('next', [{ authority: 'web.shop.svc.cluster.local:80', weight: 1 }])],
  ],
  [
    'two-servers',
    [namespace(), workload('web'), server('a'), server('b', { port: 80 })],
    'error two-servers Server shop/b spec.port',
    [
      namespace(),
      workload('web', { ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }),
      server('a'),
      server('b', { port: 81 }),
    ],
  ],
  [
    'server-of-nothing',
    [workload('web', {}, enabled), workload('orders'), server('a', { podSelector: { matchLabels: { app: 'wbe' } } })],
    'warning server-of-nothing Server shop/a spec.podSelector',
    [workload('web', {}, enabled), workload('orders'), server('a')],
  ],
  [
    'server-of-nothing',
    [workload('web', {}, enabled), server('a', { port: 'https' })],
    'warning server-of-nothing Server shop/a spec.port',
    [workload('web', {}, enabled), server('a', { port: 80 })],
  ],
  [
    'server-of-nothing',
    [workload('web', {}, enabled), server('a', { port: 8080 })],
    'warning server-of-nothing Server shop/a spec.port',
    [server('a', { port: 8080 })],
  ],
  [
    'allows-nobody',
    [networks({ cidr: '10.0.0.0/8', except: ['10.0.0.0/7'] })],
    'error allows-nobody NetworkAuthentication shop/nodes spec.networks',
    [networks({ cidr: '10.0.0.0/8', except: ['10.0.0.0/9'] })],
  ],
  [
    'allows-nobody',
    [
      server('web'),
      object('policy.linkerd.io/v1beta1', 'ServerAuthorization', 'all', { server: { name: 'web' }, client: {} }),
    ],
    'error allows-nobody ServerAuthorization shop/all spec.client',
    [
      server('web'),
      object('policy.linkerd.io/v1beta1', 'ServerAuthorization', 'all', {
        ...{ server: { name: 'web' }, client: { meshTLS: { identities: ['*'] } } },
      }),
    ],
  ],
  [
    'allows-nobody',
    [server('web'), allow(ofServer, callers)],
    'warning allows-nobody AuthorizationPolicy shop/allow spec.requiredAuthenticationRefs[0]',
    [server('web'), allow(ofServer, callers), meshTls({ identities: ['*'] })],
  ],
  [
    'unmeshed-caller',
    [namespace({}), workload('till'), meshTls({ identityRefs: [{ kind: 'ServiceAccount', name: 'till' }] })],
    'error unmeshed-caller MeshTLSAuthentication shop/callers spec.identityRefs[0]',
    [namespace(), workload('till'), meshTls({ identityRefs: [{ kind: 'ServiceAccount', name: 'till' }] })],
  ],
  [
    'unknown-account',
    [
      namespace(),
      workload('till'),
      meshTls({ identities: ['tlil.shop.serviceaccount.identity.tulle.cluster.local', '*.example.com'] }),
    ],
    'warning unknown-account MeshTLSAuthentication shop/callers spec.identities[0]',
    [namespace(), workload('till'), meshTls({ identities: ['till.shop.serviceaccount.identity.tulle.cluster.local'] })],
  ],
  [
    'unknown-target',
    [server('web'), allow({ kind: 'Server', name: 'wbe' }, { kind: 'ServiceAccount', group: '', name: 'a' })],
    'warning unknown-target AuthorizationPolicy shop/allow spec.targetRef.name',
    [server('web'), allow(ofServer, { kind: 'ServiceAccount', group: '', name: 'a' })],
  ],
  [
    'guarded-without-sidecar',
    [namespace({}), workload('web'), server('web')],
    'error guarded-without-sidecar Deployment shop/web',
    [workload('web'), server('web')], // whether it gets one is the namespace's word
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', grpcProbe), server('web')],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', grpcProbe), server('web'), allow(ofServer, nodes), networks({ cidr: '10.0.0.0/8' })],
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', httpProbe), server('web', { proxyProtocol: 'opaque' })],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', httpProbe), server('web')],
  ],
  [
    'probe-shut-out',
    [
      namespace(),
      workload('web', httpProbe),
      server('web'),
      route([{ matches: [{ path: { value: '/api' } }] }], 'api', 'HTTPRoute', { parentRefs: [{ group, ...ofServer }] }),
    ],
    'error probe-shut-out Deployment shop/web',
    [
      namespace(),
      workload('web', httpProbe),
      server('web'),
      route([{ matches: [{ path: { value: '/live' } }] }], 'live', 'HTTPRoute', {
        parentRefs: [{ group, ...ofServer }],
      }),
      allow({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'live' }, nodes),
      networks({ cidr: '10.0.0.0/8' }),
    ],
  ],
  [
    'probe-shut-out',
    [
      namespace({ 'tulle.dev/inject': 'enabled', 'config.tulle.dev/default-inbound-policy': 'deny' }),
      workload('web', grpcProbe),
    ],
    'error probe-shut-out Deployment shop/web',
    [
      namespace({ 'tulle.dev/inject': 'enabled', 'config.tulle.dev/default-inbound-policy': 'deny' }),
      workload('web', httpProbe),
    ],
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', httpsProbe), server('web', { proxyProtocol: 'unknown' })],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', { livenessProbe: { tcpSocket: { port: 80 } } }), server('web')],
  ],
  [
    'probe-shut-out', // what is said to be HTTP is read as that
    [namespace(), workload('web', httpsProbe), server('web', { accessPolicy: 'all-unauthenticated' })],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', httpsProbe), server('web', { ...unknown, accessPolicy: 'all-unauthenticated' })],
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', grpcProbe), server('web', anybody), tokens()],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', grpcProbe), server('web', anybody), tokens({ optional: true })],
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', hook('postStart', '/started')), server('web')],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', hook('postStart', '/started')), server('web', anybody)],
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', { ...httpProbe, ...hook('preStop', '/stop') }), server('web')],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', { ...httpProbe, ...hook('preStop', '/live?stop') }), server('web')],
  ],
  [
    'probe-shut-out',
    [namespace(), workload('web', hook('preStop', '/stop')), server('web', anybody), tokens()],
    'error probe-shut-out Deployment shop/web',
    [
      namespace(),
      workload('web', { lifecycle: { preStop: { exec: { command: ['stop'] } } } }),
      server('web', anybody),
      tokens(),
    ],
  ],
  [
    'probe-shut-out', // to a sidecar that intercepts nothing the kubelet never comes
    [namespace(), workload('web', grpcProbe), server('web')],
    'error probe-shut-out Deployment shop/web',
    [namespace(), workload('web', grpcProbe, { 'tulle.dev/inject': 'explicit' }), server('web')],
  ],
  [
    'scrape-shut-out',
    [namespace(), workload('web', {}, scrape), server('web')],
    'warning scrape-shut-out Deployment shop/web',
    [namespace(), workload('web', {}, { ...scrape, 'tulle.dev/inject': 'explicit' }), server('web')],
  ],
  [
    'scrape-shut-out',
    [
      namespace(),
      workload('web', {}, scrape),
      server('web'),
      allow(ofServer, callers),
      meshTls({ identities: ['web.x'] }),
    ],
    'warning scrape-shut-out Deployment shop/web',
    [
      ...[namespace(), workload('web', {}, scrape), server('web'), allow(ofServer, callers)],
      meshTls({ identities: ['prometheus.monitoring.serviceaccount.identity.tulle.cluster.local'] }),
    ],
  ],
  [
    'unmeshed-in-strict-namespace',
    [namespace({ 'config.linkerd.io/default-inbound-policy': 'all-authenticated' }), workload('web')],
    'error unmeshed-in-strict-namespace Deployment shop/web',
    [
      namespace({ 'config.linkerd.io/default-inbound-policy': 'all-authenticated' }),
      workload('web', {}, { 'tulle.dev/inject': 'disabled' }),
    ],
  ],
];

describe('a rule tells of what breaks it, and of nothing that holds', () => {
  it.each(table)('%s', (_, broken, message, sound) => {
    expect(told(broken)).toEqual([message]);
    expect(told(sound)).toEqual([]);
  });

  it('each is in the table, and in the guide', () => {
    const ids = rules.map(({ id }) => id);
    expect([...new Set(table.map(([id]) => id))].sort()).toEqual([...ids].sort());
    const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/validation.md'), 'utf8');
    expect([...guide.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id)).toEqual(ids);
  });
});

describe('manifests are looked at as they are applied', () => {
  it('items of Lists each by themselves, and fields that are null as if they were not there', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [service('web', 80), null, service('next', 81)] };
    const [document] = parseAllDocuments(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: route, namespace: shop, annotations: null }
spec:
  hostnames: null
  parentRefs: [{ group: '', kind: Service, name: web, port: null }]
  rules: [{ matches: [{ headers: null }], backendRefs: [{ name: next, port: 80, weight: null }] }]
`);
    expect(told([list as unknown as Manifest, document.toJS()])).toEqual([
      'error unknown-port HTTPRoute shop/route spec.rules[0].backendRefs[0].port',
    ]);
  });

  it('by the install that is among them, whose trust domain is in the names of identities', () => {
    const values = (data: object): Manifest =>
      ({ ...object('v1', 'ConfigMap', 'tulle-config'), data }) as unknown as Manifest;
    expect(installedConfig([values({ values: '{"trustDomain":"corp.example"}' })])).toMatchObject({
      config: { trustDomain: 'corp.example' },
    });
    expect(installedConfig([values({})]).problem).toContain('ConfigMap tulle-config: data.values cannot be read');
    expect(installedConfig([])).toEqual({ config: injectConfig() });
  });

  it('of any shape, without failing', () => {
    const odd = [undefined, null, 7, 'x', [], [null], {}, { a: [1] }];
    const kinds = ['HTTPRoute', 'Server', 'Service', 'Deployment', 'Namespace', 'AuthorizationPolicy', 'Pod', 'List'];
    for (const kind of kinds) {
      for (const apiVersion of ['v1', 'apps/v1', policy, 'gateway.networking.k8s.io/v1', undefined]) {
        for (const part of odd) {
          for (const manifest of [
            { apiVersion, kind, metadata: part, spec: part, items: part },
            { apiVersion, kind, metadata: { name: part, namespace: part, annotations: part }, spec: { rules: part } },
            { apiVersion, kind, metadata: { name: 'x' }, spec: { rules: [part], ports: [part], parentRefs: [part] } },
            { apiVersion, kind, spec: { template: { metadata: part, spec: part } } },
            { apiVersion, kind, spec: { template: { spec: { containers: [{ name: part, ports: part }] } } } },
          ]) {
            told([manifest as unknown as Manifest, namespace(), service('web', 80)]);
          }
        }
      }
    }
  });
});
