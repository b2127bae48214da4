import { describe, expect, test } from 'vitest';
import { validateObject } from './index.ts';

const object = (apiVersion: string, kind: string, spec: unknown, metadata: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace: 'shop', ...metadata },
  spec,
});
const newest: Readonly<Record<string, string>> = {
  HTTPRoute: 'v1beta3',
  Server: 'v1beta3',
  ServerAuthorization: 'v1beta1',
};
const policy = (kind: string, spec: unknown, metadata?: object) =>
  object(`policy.linkerd.io/${newest[kind] ?? 'v1alpha1'}`, kind, spec, metadata);
const gateway = (kind: string, spec: unknown, metadata?: object) =>
  object('gateway.networking.k8s.io/v1', kind, spec, metadata);
const profile = (spec: unknown, name = 'web.shop.svc.cluster.local') =>
  object('linkerd.io/v1alpha2', 'ServiceProfile', spec, { name });

const server = { group: 'policy.linkerd.io', kind: 'Server', name: 'web' };
const meshTls = (name: string) => ({ group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name });
const network = (name: string) => ({ group: 'policy.linkerd.io', kind: 'NetworkAuthentication', name });
const account = (name: string) => ({ kind: 'ServiceAccount', name });
const authz = (requiredAuthenticationRefs: unknown, targetRef: object = server) =>
  policy('AuthorizationPolicy', { targetRef, requiredAuthenticationRefs });
const service = { group: 'core', kind: 'Service', name: 'web', port: 80 };
const route = (rule: object, annotations: object = {}) =>
  policy('HTTPRoute', { parentRefs: [service], rules: [rule] }, { annotations });
const gatewayFilter = (type: string, filter: object, rule: object = {}) => ({
  ...route({ filters: [{ type, ...filter }], ...rule }),
  apiVersion: 'gateway.networking.k8s.io/v1',
});
const path = (value: string, type = 'PathPrefix') => route({ matches: [{ path: { type, value } }] });
const condition = { pathRegex: '/x' };
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, 'b']));

describe('is admitted', () => {
  test.each<[string, unknown]>([
    ['a policy for a Server', authz([meshTls('a'), network('b')])],
    ['a policy for its own namespace', authz([account('a')], { kind: 'Namespace', name: 'shop' })],
    ['a policy that asks for nothing', authz([])],
    ...(['gateway.networking.k8s.io/v1', 'policy.linkerd.io/v1beta3'] as const).map((apiVersion): [string, unknown] => [
      `rewrites and CORS of ${apiVersion}`,
      {
        ...gatewayFilter('URLRewrite', {
          urlRewrite: { hostname: 'x.org', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/a' } },
        }),
        apiVersion,
      },
    ]),
    [
      'sessions of all kinds',
      gateway('HTTPRoute', {
        parentRefs: [service],
        rules: [
          { sessionPersistence: {} },
          { sessionPersistence: { absoluteTimeout: '24h', cookieConfig: { lifetimeType: 'Permanent' } } },
          { sessionPersistence: { type: 'Header', sessionName: 'X-Seat', absoluteTimeout: '1h' } },
        ],
      }),
    ],
    [
      'sessions of another controller, as it likes',
      gateway('HTTPRoute', {
        parentRefs: [{ name: 'front' }],
        rules: [{ sessionPersistence: { idleTimeout: '5m' } }],
      }),
    ],
    [
      'CORS with wildcards',
      gatewayFilter('CORS', {
        cors: {
          allowOrigins: ['https://*.a.org:8443', 'http://b.org', 'https://*'],
          allowCredentials: true,
          allowMethods: ['*'],
          allowHeaders: ['x-a', 'Content-Type'],
          exposeHeaders: ['*'],
          maxAge: 1,
        },
      }),
    ],
    [
      'an extension, which may be another controller’s',
      gatewayFilter('ExtensionRef', { extensionRef: { group: 'x', kind: 'Y', name: 'z' } }),
    ],
    [
      'a policy for a route',
      authz([network('b')], { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute', name: 'r' }),
    ],
    [
      'identities by name, suffix and SPIFFE ID',
      policy('MeshTLSAuthentication', { identities: ['*', 'a.b.c', '*.shop.local', 'spiffe://trust.domain/a/b'] }),
    ],
    [
      'identities by reference',
      policy('MeshTLSAuthentication', {
        identityRefs: [
          { kind: 'ServiceAccount', name: 'a', namespace: 'b' },
          { kind: 'Namespace', name: 'c' },
        ],
      }),
    ],
    [
      'networks with holes',
      policy('NetworkAuthentication', {
        networks: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }, { cidr: '192.0.2.1' }, { cidr: '2001:db8::/32' }],
      }),
    ],
    ['a Server', policy('Server', { podSelector: {}, port: 'http', proxyProtocol: 'HTTP/2', accessPolicy: 'audit' })],
    [
      'a ServerAuthorization',
      policy('ServerAuthorization', { server: { name: 'a' }, client: { meshTLS: { identities: ['*'] } } }),
    ],
    [
      'a route',
      route(
        {
          matches: [{ path: { value: '/a' }, headers: [{ name: 'x', value: 'y' }], method: 'GET' }],
          timeouts: { request: '10s', backendRequest: '1s500ms' },
        },
        { 'retry.linkerd.io/http': '5xx,429,500-504', 'timeout.linkerd.io/request': '2s' },
      ),
    ],
    [
      'a wrong annotation on a route to a Server',
      policy('HTTPRoute', { parentRefs: [server] }, { annotations: { 'retry.linkerd.io/http': 'x' } }),
    ],
    ['a Gateway route of a shape not known here', gateway('HTTPRoute', { parentRefs: 'later' })],
    [
      'a Gateway route to another kind of backend',
      gateway('HTTPRoute', { rules: [{ backendRefs: [{ kind: 'Bucket', name: 'b' }] }] }),
    ],
    [
      'whatever a Gateway route says that only other controllers follow',
      gateway('HTTPRoute', {
        parentRefs: [{ name: 'front' }, { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'back' }],
        rules: [
          {
            matches: [{ path: { type: 'RegularExpression', value: '/\\bfiles\\b/(?!x).{1,500}' } }],
            backendRefs: [{ name: 'web' }],
          },
        ],
      }),
    ],
    [
      'methods by pattern for other controllers',
      gateway('GRPCRoute', {
        parentRefs: [{ name: 'front' }],
        rules: [{ matches: [{ method: { type: 'RegularExpression', service: 'a.*' } }] }],
      }),
    ],
    [
      'rules of a TLSRoute for other controllers',
      gateway('TLSRoute', { parentRefs: [{ name: 'front' }], rules: [{}, {}] }),
    ],
    ['a pattern with flags', path('(?i)/a', 'RegularExpression')],
    ['a TCPRoute with one rule', gateway('TCPRoute', { rules: [{}] })],
    [
      'a rate limit',
      policy('HTTPLocalRateLimitPolicy', {
        targetRef: server,
        total: { requestsPerSecond: 10 },
        overrides: [{ requestsPerSecond: 5, clientRefs: [account('a')] }],
      }),
    ],
    ['an egress network without networks', policy('EgressNetwork', { trafficPolicy: 'Deny' })],
    [
      'a condition of method and path',
      profile({ routes: [{ name: 'a', condition: { method: 'GET', pathRegex: '/a' } }] }),
    ],
    ['an empty profile', profile(undefined)],
    ['a kind without rules', object('v1', 'Pod', {})],
    [
      'null in place of an annotation',
      route({}, { 'timeout.linkerd.io/request': null, 'retry.linkerd.io/http': '5xx' }),
    ],
    [
      'annotations of any size, into one of which kubectl apply writes the whole object',
      policy('Server', { podSelector: {}, port: 80 }, { annotations: { a: 'x'.repeat(200_000), ...many(2000) } }),
    ],
    [
      'null in place of what is absent',
      policy('Server', { podSelector: {}, externalWorkloadSelector: null, port: 80, accessPolicy: null }),
    ],
    [
      'an older version, by its own schema',
      object('policy.linkerd.io/v1beta1', 'Server', { podSelector: {}, port: 80 }),
    ],
    [
      'a version that is not known, by the newest schema',
      object('policy.linkerd.io/v2', 'EgressNetwork', { trafficPolicy: 'Deny' }),
    ],
  ])('%s', (_name, subject) => expect(validateObject(subject)).toEqual([]));
});

describe('is refused', () => {
  test.each<[string, unknown, string]>([
    [
      'a Gateway route that other controllers follow too',
      gateway('HTTPRoute', {
        parentRefs: [{ name: 'front' }, service],
        rules: [{ matches: [{ path: { type: 'RegularExpression', value: '/(?!x)' } }] }],
      }),
      'spec.rules[0].matches[0].path.value must be a regular expression that proxies match by',
    ],
    [
      'two MeshTLSAuthentications',
      authz([meshTls('a'), meshTls('b')]),
      'spec.requiredAuthenticationRefs must name at most one MeshTLSAuthentication',
    ],
    [
      'two ServiceAccounts',
      authz([account('a'), account('b')]),
      'spec.requiredAuthenticationRefs must name at most one ServiceAccount',
    ],
    [
      'a MeshTLSAuthentication beside a ServiceAccount',
      authz([meshTls('a'), account('b')]),
      'must not name both a MeshTLSAuthentication and a ServiceAccount',
    ],
    ['two NetworkAuthentications', authz([network('a'), network('b')]), 'must name at most one NetworkAuthentication'],
    [
      'another namespace as target',
      authz([], { kind: 'Namespace', name: 'other' }),
      "spec.targetRef.name (other) must be the policy's own namespace (shop)",
    ],
    [
      'an unknown target kind',
      authz([], { kind: 'Pod', name: 'p' }),
      'spec.targetRef.kind (Pod) must be Namespace, Server, HTTPRoute or GRPCRoute',
    ],
    ['a Server of the wrong group', authz([], { kind: 'Server', name: 'p' }), 'spec.targetRef.kind (Server) must be'],
    [
      'an unknown authentication kind',
      authz([{ kind: 'User', name: 'u' }]),
      'spec.requiredAuthenticationRefs[0].kind (User) must be',
    ],
    ['no requiredAuthenticationRefs', authz(undefined), 'spec.requiredAuthenticationRefs must be set'],
    [
      'neither identities nor references',
      policy('MeshTLSAuthentication', {}),
      'spec must have either identities or identityRefs',
    ],
    [
      'both identities and references',
      policy('MeshTLSAuthentication', { identities: ['*'], identityRefs: [account('a')] }),
      'spec must have either identities or identityRefs',
    ],
    [
      'an identity with a star inside',
      policy('MeshTLSAuthentication', { identities: ['a.*.b'] }),
      'spec.identities[0] (a.*.b) must be a DNS-like name',
    ],
    [
      'a SPIFFE ID with a dot segment',
      policy('MeshTLSAuthentication', { identities: ['spiffe://a/../b'] }),
      'spec.identities[0] (spiffe://a/../b)',
    ],
    [
      'a Namespace reference with a namespace',
      policy('MeshTLSAuthentication', { identityRefs: [{ kind: 'Namespace', name: 'a', namespace: 'b' }] }),
      'spec.identityRefs[0].namespace must not be set',
    ],
    [
      'another reference',
      policy('MeshTLSAuthentication', { identityRefs: [{ kind: 'User', name: 'a' }] }),
      "spec.identityRefs[0].kind (User) must be one of 'ServiceAccount', 'Namespace'",
    ],
    ['no networks', policy('NetworkAuthentication', { networks: [] }), 'spec.networks must have at least 1 item'],
    [
      'a wrong network',
      policy('NetworkAuthentication', { networks: [{ cidr: '10.0.0.0/33' }] }),
      'spec.networks[0].cidr (10.0.0.0/33) must be an address or a network',
    ],
    [
      'an exception of everything',
      policy('NetworkAuthentication', { networks: [{ cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] }] }),
      'spec.networks[0].except[0] (10.0.0.0/8) leaves nothing of 10.0.0.0/8',
    ],
    [
      'an exception outside',
      policy('NetworkAuthentication', { networks: [{ cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] }] }),
      'spec.networks[0].except[0] (11.0.0.0/16) must lie inside 10.0.0.0/8',
    ],
    [
      'an exception of the other family',
      policy('NetworkAuthentication', { networks: [{ cidr: '10.0.0.0/8', except: ['::1'] }] }),
      'must lie inside 10.0.0.0/8',
    ],
    [
      'an unknown access policy',
      policy('Server', { podSelector: {}, port: 80, accessPolicy: 'allow' }),
      'spec.accessPolicy (allow) must be one of all-unauthenticated',
    ],
    [
      'an unknown protocol',
      policy('Server', { podSelector: {}, port: 80, proxyProtocol: 'HTTP' }),
      "spec.proxyProtocol (HTTP) must be one of 'unknown', 'HTTP/1'",
    ],
    ['no selector', policy('Server', { port: 80 }), 'spec must have either podSelector or externalWorkloadSelector'],
    [
      'both selectors',
      policy('Server', { port: 80, podSelector: {}, externalWorkloadSelector: {} }),
      'spec must have either',
    ],
    [
      'an external workload in a version that selects pods alone',
      object('policy.linkerd.io/v1beta1', 'Server', { externalWorkloadSelector: {}, port: 80 }),
      'spec.podSelector must be set',
    ],
    ['an object without a specification', policy('Server', null), 'spec must be set'],
    ['port 0', policy('Server', { podSelector: {}, port: 0 }), 'spec.port (0) must be a number from 1 to 65535'],
    [
      'plain clients beside meshTLS',
      policy('ServerAuthorization', { server: { name: 'a' }, client: { unauthenticated: true, meshTLS: {} } }),
      'spec.client.unauthenticated must be false',
    ],
    [
      'identities beside unauthenticatedTLS',
      policy('ServerAuthorization', {
        server: { name: 'a' },
        client: { meshTLS: { unauthenticatedTLS: true, serviceAccounts: [{ name: 'a' }] } },
      }),
      'spec.client.meshTLS.unauthenticatedTLS must be false',
    ],
    [
      'an exception outside, in a ServerAuthorization',
      policy('ServerAuthorization', {
        server: { name: 'a' },
        client: { networks: [{ cidr: '10.0.0.0/8', except: ['0.0.0.0/0'] }] },
      }),
      'spec.client.networks[0].except[0] (0.0.0.0/0) leaves nothing',
    ],
    [
      'an egress parent without a port',
      policy('HTTPRoute', { parentRefs: [{ group: 'policy.linkerd.io', kind: 'EgressNetwork', name: 'e' }] }),
      'spec.parentRefs[0].port must be set',
    ],
    ['a relative path', path('a'), 'spec.rules[0].matches[0].path.value (a) must be an absolute path'],
    ['a relative exact path', path('a', 'Exact'), 'must be an absolute path'],
    [
      'a bad pattern',
      path('(', 'RegularExpression'),
      'spec.rules[0].matches[0].path.value must be a regular expression',
    ],
    [
      'a pattern that proxies refuse, for it looks around itself',
      path('/(?=admin).*', 'RegularExpression'),
      'spec.rules[0].matches[0].path.value must be a regular expression that proxies match by',
    ],
    [
      'a pattern that refers to itself',
      path('/(a)\\1', 'RegularExpression'),
      'it refers to what one of its groups matched',
    ],
    [
      'a bad header name',
      route({ matches: [{ headers: [{ name: 'a b', value: 'c' }] }] }),
      'spec.rules[0].matches[0].headers[0].name (a b) must be a header name',
    ],
    [
      'a relative redirect',
      route({
        filters: [
          { type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath', replaceFullPath: 'x' } } },
        ],
      }),
      'spec.rules[0].filters[0].requestRedirect.path.replaceFullPath (x) must be an absolute path',
    ],
    [
      'a redirect with a status of none',
      gatewayFilter('RequestRedirect', { requestRedirect: { statusCode: 304 } }),
      'spec.rules[0].filters[0].requestRedirect.statusCode (304) must be one of 301, 302, 303, 307, 308',
    ],
    [
      'a host changed as a header',
      gatewayFilter('RequestHeaderModifier', { requestHeaderModifier: { set: [{ name: 'Host', value: 'x' }] } }),
      'spec.rules[0].filters[0].requestHeaderModifier.set[0].name (Host) must not be changed as a header: a URLRewrite',
    ],
    [
      'a header of framing',
      gatewayFilter('ResponseHeaderModifier', { responseHeaderModifier: { remove: ['Content-Length'] } }),
      'spec.rules[0].filters[0].responseHeaderModifier.remove[0] (Content-Length) must not be changed',
    ],
    [
      'a word of proxies',
      gatewayFilter('RequestHeaderModifier', {
        requestHeaderModifier: { add: [{ name: 'L5d-Client-Id', value: 'x' }] },
      }),
      'must not begin with l5d-',
    ],
    [
      'a rewrite to a host with a port',
      gatewayFilter('URLRewrite', { urlRewrite: { hostname: 'x.org:80' } }),
      'spec.rules[0].filters[0].urlRewrite.hostname (x.org:80) must be a host name',
    ],
    [
      'a rewrite of a prefix that no match has',
      gatewayFilter(
        'URLRewrite',
        { urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/a' } } },
        { matches: [{ path: { type: 'Exact', value: '/b' } }] },
      ),
      'urlRewrite.path.replacePrefixMatch must stand in a rule whose matches are all of type PathPrefix',
    ],
    [
      'a rewrite with a query',
      gatewayFilter('URLRewrite', { urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/a?b' } } }),
      'urlRewrite.path.replaceFullPath (/a?b) must have no query',
    ],
    [
      'a mirror of two shares',
      gatewayFilter('RequestMirror', {
        requestMirror: { backendRef: { name: 'b', port: 80 }, percent: 1, fraction: { numerator: 1 } },
      }),
      'spec.rules[0].filters[0].requestMirror must have either a percent or a fraction',
    ],
    [
      'a mirror of more than all',
      gatewayFilter('RequestMirror', {
        requestMirror: { backendRef: { name: 'b', port: 80 }, fraction: { numerator: 3, denominator: 2 } },
      }),
      'requestMirror must have a fraction from 0 to 1',
    ],
    [
      'a mirror to no port',
      gatewayFilter('RequestMirror', { requestMirror: { backendRef: { name: 'b' } } }),
      'spec.rules[0].filters[0].requestMirror.backendRef.port must be set',
    ],
    [
      'an origin without a scheme',
      gatewayFilter('CORS', { cors: { allowOrigins: ['foo.com'] } }),
      'spec.rules[0].filters[0].cors.allowOrigins[0] (foo.com) must be *, or http:// or https://',
    ],
    [
      'a CORS header that is none',
      gatewayFilter('CORS', { cors: { allowHeaders: ['a b'] } }),
      'spec.rules[0].filters[0].cors.allowHeaders[0] (a b) must be a name',
    ],
    [
      'a wrong filter of a backend',
      gatewayFilter(
        '',
        {},
        {
          filters: [],
          backendRefs: [{ name: 'b', port: 80, filters: [{ type: 'URLRewrite', urlRewrite: { hostname: '' } }] }],
        },
      ),
      'spec.rules[0].backendRefs[0].filters[0].urlRewrite.hostname () must be a host name',
    ],
    ...(
      [
        ['by nothing known', { type: 'Url' }, '.type (Url) must be Cookie or Header'],
        ['of no cookie', { sessionName: 'a b' }, '.sessionName (a b) must be the name of a cookie'],
        [
          'of a header of proxies',
          { type: 'Header', sessionName: 'l5d-x' },
          '.sessionName (l5d-x) must be the name of a header that may be changed',
        ],
        ['of cookies as such', { type: 'Header', sessionName: 'Cookie' }, '.sessionName (Cookie) must be the name of'],
        ['of no time', { absoluteTimeout: '0s' }, '.absoluteTimeout (0s) must be a duration from 1s to 400d'],
        ['that are idle', { idleTimeout: '5m' }, '.idleTimeout (5m) must not be set: no sidecar follows it'],
        [
          'kept for ever',
          { cookieConfig: { lifetimeType: 'Permanent' } },
          '.absoluteTimeout must be set where the lifetime of the cookie is Permanent',
        ],
        [
          'of a cookie in a header',
          { type: 'Header', cookieConfig: {} },
          '.cookieConfig must not be set where the type',
        ],
      ] as const
    ).flatMap(([what, sessionPersistence, message]) =>
      ['HTTPRoute', 'GRPCRoute'].map((kind): [string, unknown, string] => [
        `sessions ${what} of a ${kind}`,
        gateway(kind, { parentRefs: [service], rules: [{ sessionPersistence }] }),
        `spec.rules[0].sessionPersistence${message}`,
      ]),
    ),
    [
      'a longer try than the whole',
      route({ timeouts: { request: '1s', backendRequest: '2s' } }),
      'spec.rules[0].timeouts.backendRequest (2s) must not be longer than the request timeout (1s)',
    ],
    [
      'a negative timeout',
      route({ timeouts: { request: '-1s' } }),
      'spec.rules[0].timeouts.request (-1s) must be a duration',
    ],
    [
      'a timeout that is none',
      route({ timeouts: { request: 'soon' } }),
      'spec.rules[0].timeouts.request (soon) must be a duration',
    ],
    [
      'a wrong retry annotation',
      route({}, { 'retry.linkerd.io/http': '5xx,soon' }),
      "metadata.annotations['retry.linkerd.io/http'] (5xx,soon) has an unknown condition 'soon'",
    ],
    [
      'hedges of which it is not said when',
      route({}, { 'hedge.tulle.dev/limit': '1' }),
      "metadata.annotations['hedge.tulle.dev/after'] () must be set",
    ],
    [
      'a wrong timeout annotation',
      route({}, { 'timeout.linkerd.io/idle': '5' }),
      "metadata.annotations['timeout.linkerd.io/idle'] (5) must be a number followed by",
    ],
    [
      'a share of traces that is none',
      route({}, { 'tracing.tulle.dev/sample-rate': '5%' }),
      "metadata.annotations['tracing.tulle.dev/sample-rate'] (5%) must be a number from 0 to 1",
    ],
    [
      'a share of traces that is none, of a Server',
      policy(
        'HTTPRoute',
        { parentRefs: [server], rules: [{}] },
        { annotations: { 'retry.linkerd.io/http': 'not read there', 'tracing.tulle.dev/sample-rate': '2' } },
      ),
      "metadata.annotations['tracing.tulle.dev/sample-rate'] (2) must be a number from 0 to 1",
    ],
    [
      'backends in an order that is none',
      route({}, { 'tulle.dev/backends': 'ordered' }),
      "metadata.annotations['tulle.dev/backends'] (ordered) must be 'in-order', or not be there",
    ],
    [
      'a share of ready endpoints that is none',
      route({}, { 'tulle.dev/backends': 'in-order', 'tulle.dev/failover-below': '0.5' }),
      "metadata.annotations['tulle.dev/failover-below'] (0.5) must be a percentage above 0% and up to 100%",
    ],
    [
      'a wrong failure accrual',
      route({}, { 'balancer.linkerd.io/failure-accrual': 'never' }),
      "metadata.annotations['balancer.linkerd.io/failure-accrual'] (never) must be 'consecutive' or 'unified'",
    ],
    [
      'a Service backend without a port',
      gateway('HTTPRoute', { rules: [{ backendRefs: [{ name: 'b' }] }] }),
      'spec.rules[0].backendRefs[0].port must be set',
    ],
    [
      'a GRPCRoute backend without a port',
      gateway('GRPCRoute', { rules: [{ backendRefs: [{ name: 'b', kind: 'Service' }] }] }),
      'spec.rules[0].backendRefs[0].port must be set',
    ],
    [
      'a pattern for a gRPC method',
      gateway('GRPCRoute', { rules: [{ matches: [{ method: { type: 'RegularExpression', service: 'a' } }] }] }),
      'spec.rules[0].matches[0].method.type (RegularExpression) must be Exact',
    ],
    ['two rules of a TLSRoute', gateway('TLSRoute', { rules: [{}, {}] }), 'spec.rules (2) must have exactly one rule'],
    [
      'a rate limit of something else',
      policy('HTTPLocalRateLimitPolicy', { targetRef: { kind: 'Service', name: 's' } }),
      'spec.targetRef.kind (Service) must be Server, with the group policy.linkerd.io',
    ],
    [
      'a rate of 0',
      policy('HTTPLocalRateLimitPolicy', { targetRef: server, total: { requestsPerSecond: 0 } }),
      'spec.total.requestsPerSecond (0) must be from 1 to 2147483647',
    ],
    [
      'more for one identity than for all',
      policy('HTTPLocalRateLimitPolicy', {
        targetRef: server,
        total: { requestsPerSecond: 1 },
        identity: { requestsPerSecond: 2 },
      }),
      'spec.identity.requestsPerSecond (2) must not be more than spec.total.requestsPerSecond (1)',
    ],
    [
      'an override for another kind',
      policy('HTTPLocalRateLimitPolicy', {
        targetRef: server,
        overrides: [{ requestsPerSecond: 1, clientRefs: [{ kind: 'User', name: 'u' }] }],
      }),
      'spec.overrides[0].clientRefs[0].kind (User) must be ServiceAccount',
    ],
    [
      'an override for nobody',
      policy('HTTPLocalRateLimitPolicy', {
        targetRef: server,
        overrides: [{ requestsPerSecond: 1, clientRefs: [] }],
      }),
      'spec.overrides[0].clientRefs must name at least one ServiceAccount',
    ],
    [
      'two overrides for one client',
      policy('HTTPLocalRateLimitPolicy', {
        targetRef: server,
        overrides: [
          { requestsPerSecond: 1, clientRefs: [account('a')] },
          { requestsPerSecond: 2, clientRefs: [account('b'), account('a')] },
        ],
      }),
      'spec.overrides[1].clientRefs[1].name (a) must be named once: its limit would be ambiguous',
    ],
    [
      'an empty egress network',
      policy('EgressNetwork', { trafficPolicy: 'Allow', networks: [] }),
      'spec.networks must have at least 1 item',
    ],
    [
      'an egress network with a wrong CIDR',
      policy('EgressNetwork', { trafficPolicy: 'Allow', networks: [{ cidr: 'x' }] }),
      'spec.networks[0].cidr (x)',
    ],
    [
      'an address in place of a name that TLS asks for',
      gateway('TLSRoute', { hostnames: ['a.example', '10.0.0.1'], rules: [{}] }),
      'spec.hostnames[1] (10.0.0.1) must be a name such as example.com or *.example.com',
    ],
    [
      'a TCPRoute with backends in order',
      gateway('TCPRoute', { rules: [{}] }, { annotations: { 'tulle.dev/backends': 'in-order' } }),
      "metadata.annotations['tulle.dev/backends'] holds for an HTTPRoute or GRPCRoute only",
    ],
    [
      'a backend of a TCPRoute without a port',
      gateway('TCPRoute', { rules: [{ backendRefs: [{ name: 'a' }] }] }),
      'spec.rules[0].backendRefs[0].port must be set',
    ],
    [
      'a short name of a profile',
      profile({ routes: [] }, 'web'),
      'metadata.name (web) must be the fully qualified name',
    ],
    ['a profile route without a name', profile({ routes: [{ condition }] }), 'spec.routes[0].name must be set'],
    [
      'a profile route without a condition',
      profile({ routes: [{ name: 'a' }] }),
      'spec.routes[0].condition must be set',
    ],
    [
      'an empty condition',
      profile({ routes: [{ name: 'a', condition: { all: [{}] } }] }),
      'spec.routes[0].condition.all[0] must have one of',
    ],
    [
      'a bad pattern in a profile',
      profile({ routes: [{ name: 'a', condition: { pathRegex: '[' } }] }),
      'spec.routes[0].condition.pathRegex must be a regular expression',
    ],
    [
      'a status range upside down',
      profile({
        routes: [{ name: 'a', condition, responseClasses: [{ condition: { status: { min: 500, max: 400 } } }] }],
      }),
      'spec.routes[0].responseClasses[0].condition.status.min (500) must not be more than max (400)',
    ],
    [
      'a status outside',
      profile({
        routes: [{ name: 'a', condition, responseClasses: [{ condition: { not: { status: { max: 600 } } } }] }],
      }),
      'spec.routes[0].responseClasses[0].condition.not.status.max (600) must be from 100 to 599',
    ],
    [
      'a bad timeout',
      profile({ routes: [{ name: 'a', condition, timeout: '1x' }] }),
      'spec.routes[0].timeout (1x) must be a duration',
    ],
    [
      'a bad ttl',
      profile({ routes: [], retryBudget: { retryRatio: 0.2, minRetriesPerSecond: 1, ttl: '' } }),
      'spec.retryBudget.ttl () must be a duration',
    ],
    [
      'a negative ratio',
      profile({ routes: [], retryBudget: { retryRatio: -1, minRetriesPerSecond: 1, ttl: '1s' } }),
      'spec.retryBudget.retryRatio (-1) must not be negative',
    ],
    ['an unknown field in a profile', profile({ routes: [], route: [] }), 'spec.route is no field that is known'],
    [
      'an unknown field in a condition inside another',
      profile({ routes: [{ name: 'a', condition: { not: { path: '/' } } }] }),
      'spec.routes[0].condition.not.path is no field that is known: they are pathRegex, method, not, all, any',
    ],
    ['something that is no object', 'x', 'object (x) must be an object'],
  ])('%s', (_name, subject, problem) => expect(validateObject(subject).join('\n')).toContain(problem));
});

test('an object without a namespace is in that of the request', () => {
  const { apiVersion, kind, spec } = authz([], { kind: 'Namespace', name: 'shop' });
  const subject = { apiVersion, kind, spec, metadata: { generateName: 'x-' } };
  expect(validateObject(subject, 'shop')).toEqual([]);
  expect(validateObject(subject, 'other')).toHaveLength(1);
});

test('an EgressNetwork that reaches into the cluster is refused with what to except', () => {
  const clusterNetworks = ['10.0.0.0/8', 'fd00::/8'];
  const check = (...networks: object[]) =>
    validateObject(policy('EgressNetwork', { trafficPolicy: 'Deny', networks }), 'shop', { clusterNetworks });
  expect(check({ cidr: '192.0.2.0/24' }, { cidr: '0.0.0.0/0' })).toEqual([
    'spec.networks[1].cidr (0.0.0.0/0) must not reach into the cluster: add 10.0.0.0/8 to spec.networks[1].except',
  ]);
  expect(check({ cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] }, { cidr: '::/0', except: ['fd00::/8'] })).toEqual([]);
});
