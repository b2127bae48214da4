import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { beforeEach, expect, test } from 'vitest';
import type { HttpMethod_Registered } from '../../../api/gen/http_types_pb.js';
import { type AuthzSchema, type ProxyProtocolSchema, ServerSchema } from '../../../api/gen/inbound_pb.js';
import type { RequestHead } from '../../wire/stream.ts';
import { serverPolicyFromApi } from './from-api.ts';

let unread: string[] = [];
beforeEach(() => {
  unread = [];
});

type Protocol = NonNullable<MessageInitShape<typeof ProxyProtocolSchema>['kind']>;
const read = (kind: Protocol, authorizations: MessageInitShape<typeof AuthzSchema>[] = [], requireTls = false) =>
  serverPolicyFromApi(
    create(ServerSchema, { authorizations, protocol: { kind } }),
    10_000,
    requireTls,
    1,
    ({ name }, why) => unread.push(`${name}: ${why}`),
  );
const head = (path: string, method = 'GET', authority = 'web'): RequestHead => ({
  method,
  path,
  authority,
  scheme: 'http',
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  marks: 0,
});
const named = (name: string) => ({ kind: { case: 'default' as const, value: name } });

test('a gRPC route matches by service and method', () => {
  const route = (name: string, service: string, method: string) => ({
    metadata: named(name),
    rules: [{ matches: [{ rpc: { service, method } }] }],
  });
  const routes = [
    route('both', 'a.B', 'C'),
    route('service', 'a.B', ''),
    route('method', '', 'D.x'),
    route('all', '', ''),
  ];
  const policy = read({ case: 'grpc', value: { routes } });
  expect(policy.protocol).toBe('http2');
  const find = (path: string) => policy.routes?.find(head(path, 'POST'))?.labels.name;
  expect(['/a.B/C', '/a.B/X', '/c.D/D.x', '/c.D/Dyx', '/x'].map(find)).toEqual([
    'both',
    'service',
    'method',
    'all',
    'all',
  ]);
});

test('a match that cannot be read matches nothing, and so does a host', () => {
  const policy = read({
    case: 'http1',
    value: {
      routes: [
        { metadata: named('pattern'), rules: [{ matches: [{ path: { kind: { case: 'regex', value: '(?P<x>' } } }] }] },
        { metadata: named('header'), rules: [{ matches: [{ headers: [{ name: 'x' }] }] }] },
        { metadata: named('path'), rules: [{ matches: [{ path: {} }] }] },
        { metadata: named('query'), rules: [{ matches: [{ path: { kind: { case: 'exact', value: '/?' } } }] }] },
        {
          metadata: named('method'),
          rules: [{ matches: [{ method: { type: { case: 'registered', value: 99 as HttpMethod_Registered } } }] }],
        },
        { metadata: named('host'), hosts: [{}], rules: [{ matches: [{}] }] },
      ],
    },
  });
  expect(policy.routes).toBeDefined();
  expect(policy.routes?.find(head('/'))).toBeUndefined();
  expect(policy.routes?.find(head('/?'))).toBeUndefined();
  expect(unread.map((line) => line.split(':')[0])).toEqual(['pattern', 'header', 'path', 'method']);
});

test('a request that may fit what cannot be read is let in by no other route', () => {
  const rule = (name: string, regex: string) => ({
    metadata: named(name),
    rules: [{ matches: [{ path: { kind: { case: 'regex' as const, value: regex } } }] }],
  });
  const routes = [rule('back', '/(.+)/\\1'), rule('lax', '/.*')];
  const policy = read({ case: 'http1', value: { routes } });
  expect(policy.routes?.find(head('/a/a'))).toBeUndefined();
  expect(unread).toEqual([expect.stringMatching(/^back: the pattern .* refers to what one of its groups matched$/)]);
});

test('a pattern fits the whole path, and may be led by flags', () => {
  const matches = [{ path: { kind: { case: 'regex' as const, value: '(?i)/a|/b\\d' } } }];
  const policy = read({ case: 'http1', value: { routes: [{ metadata: named('r'), rules: [{ matches }] }] } });
  const fits = (path: string) => policy.routes?.find(head(path)) !== undefined;
  expect(['/A', '/B1?x', '/a1', '/x/a'].map(fits)).toEqual([true, true, false, false]);
});

test('a rule without matches fits every request; hosts are compared without case and final dot', () => {
  const hosts = [
    { match: { case: 'exact' as const, value: 'Web.Shop.' } },
    { match: { case: 'suffix' as const, value: { reverseLabels: ['com', 'Example'] } } },
  ];
  const policy = read({ case: 'http2', value: { routes: [{ metadata: named('all'), hosts, rules: [{}] }] } });
  const find = (authority: string) => policy.routes?.find(head('/', 'GET', authority))?.labels.name;
  expect(['web.shop', 'WEB.SHOP:80', 'a.example.com', 'example.com', 'x'].map(find)).toEqual([
    'all',
    'all',
    'all',
    undefined,
    undefined,
  ]);
});

test('without routes the authorizations of the server hold, those of a built-in audit last', () => {
  const authz = (name: string) => ({
    authentication: { permit: { case: 'unauthenticated' as const, value: {} } },
    metadata: named(name),
  });
  const resource = { kind: { case: 'resource' as const, value: { group: 'g', kind: 'k', name: 'audit' } } };
  const policy = read({ case: 'opaque', value: {} }, [
    authz('audit'),
    { ...authz(''), metadata: resource },
    { metadata: named('unknown') },
  ]);
  expect(policy.routes).toBeUndefined();
  expect(policy.authorizations.map(({ labels, audit }) => [labels.kind, labels.name, audit])).toEqual([
    ['k', 'audit', false],
    ['default', 'audit', true],
  ]);
});

test('a port that requires TLS requires it of those whom policy lets in without, on each of its routes', () => {
  const open = { authentication: { permit: { case: 'unauthenticated' as const, value: {} } }, metadata: named('open') };
  const routes = [{ metadata: named('all'), authorizations: [open], rules: [{}] }];
  const policy = read({ case: 'http1', value: { routes } }, [open], true);
  const kinds = [...policy.authorizations, ...policy.routes!.find(head('/'))!.authorizations];
  expect(kinds.map(({ authentication }) => authentication.kind)).toEqual(['tls', 'tls', 'tls']);
});

test.each([
  ['a route that somebody wrote by path is', 'HTTPRoute', '/admin', true],
  ['one for every path is not', 'HTTPRoute', '/', false],
  ['what the control plane itself makes for probes is not', 'default', '/live', false],
])('guarded by path: %s', (_, kind, value, guarded) => {
  const written = { kind: { case: 'resource' as const, value: { group: 'g', kind, name: 'r' } } };
  const matches = [{ path: { kind: { case: 'prefix' as const, value } } }];
  const routes = [{ metadata: kind === 'default' ? named('probe') : written, rules: [{ matches }] }];
  expect(read({ case: 'http1', value: { routes } }).guardsPaths).toBe(guarded);
});

test('who is asked about a route is asked besides that of the server, after it, and never about the kubelet', () => {
  const check = (name: string, changes: object = {}) => ({
    metadata: {
      kind: { case: 'resource' as const, value: { group: 'tulle.dev', kind: 'externalauthorization', name } },
    },
    authority: `${name}:9191`,
    ...changes,
  });
  const rules = (value: string) => [{ matches: [{ path: { kind: { case: 'prefix' as const, value } } }] }];
  const httpRoutes = [
    { metadata: named('all'), rules: rules('/') },
    {
      metadata: named('admin'),
      rules: rules('/admin'),
      externalAuthorization: check('route', { failOpen: true, headersToBackend: ['X-User', 'host', 'l5d-x'] }),
    },
    { metadata: named('probe'), rules: rules('/live') },
  ];
  const policy = serverPolicyFromApi(
    create(ServerSchema, {
      protocol: { kind: { case: 'detect', value: { httpRoutes } } },
      externalAuthorization: check('server', {
        timeout: { seconds: 3600n },
        includeRequestHeaders: { names: ['Accept'] },
      }),
    }),
    ...([10_000, false, 1, () => {}] as const),
  );
  const of = (path: string) => policy.routes?.find(head(path))?.checks;
  expect(of('/')?.map(({ authority }) => authority)).toEqual(['server:9191']);
  expect(of('/admin')?.map(({ authority }) => authority)).toEqual(['server:9191', 'route:9191']);
  expect(of('/live')).toBeUndefined();
  expect(of('/admin')).toMatchObject([
    { timeoutMs: 10_000, failOpen: false, sentHeaders: new Set(['accept']), headersToBackend: new Set() },
    { timeoutMs: 200, failOpen: true, sentHeaders: undefined, headersToBackend: new Set(['x-user']) },
  ]);
  expect(policy.ownHeaders).toEqual(new Set(['x-user']));
});

test('bytes that are no HTTP do not come in beside an authorizer, nor requests where the control plane says no route', () => {
  const policy = serverPolicyFromApi(
    create(ServerSchema, {
      protocol: { kind: { case: 'http1', value: {} } },
      authorizations: [{ authentication: { permit: { case: 'unauthenticated', value: {} } } }],
      externalAuthorization: { unusable: 'its Service is not there' },
    }),
    ...([10_000, false, 1, () => {}] as const),
  );
  expect([policy.authorizations, policy.written]).toEqual([[], true]);
  expect(policy.routes?.find(head('/'))?.checks).toMatchObject([{ unusable: 'its Service is not there' }]);
  const open = serverPolicyFromApi(
    create(ServerSchema, { externalAuthorization: {} }),
    ...([10_000, false, 1, () => {}] as const),
  );
  expect(open.routes?.find(head('/'))?.checks).toMatchObject([{ unusable: 'no authorizer is named', failOpen: false }]);
});

test('the share of a route’s requests that begin a trace is read, and what is no share is told of', () => {
  const routes = [0.25, 2].map((sampleRate, at) => ({
    metadata: named(`r${at}`),
    tracing: { sampleRate },
    rules: [{ matches: [{ path: { kind: { case: 'prefix' as const, value: `/${at}` } } }] }],
  }));
  const policy = read({ case: 'http1', value: { routes } });
  expect(routes.map((_, at) => policy.routes?.find(head(`/${at}`))?.traceSampleRate)).toEqual([0.25, undefined]);
  expect(unread).toEqual(['r1: the share of requests that begin a trace must be from 0 to 1, and is 2']);
});
