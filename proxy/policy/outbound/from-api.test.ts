import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { OutboundPolicySchema } from '../../../api/gen/outbound_pb.js';
import type { RequestHead } from '../../wire/stream.ts';
import { outboundPolicyFromApi } from './from-api.ts';

type Kind = NonNullable<NonNullable<MessageInitShape<typeof OutboundPolicySchema>['protocol']>['kind']>;
const resource = (name: string) => ({
  kind: { case: 'resource' as const, value: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name } },
});
const prefix = (name: string, value: string) => ({
  metadata: resource(name),
  rules: [{ matches: [{ path: { kind: { case: 'prefix' as const, value } } }] }],
});
const unread: string[] = [];
const read = (kind?: Kind) =>
  outboundPolicyFromApi(
    create(OutboundPolicySchema, { metadata: resource('web'), protocol: { kind } }),
    ({ name }, why) => unread.push(`${name}: ${why}`),
  );
const get = (path: string) =>
  ({ method: 'GET', path, authority: 'web', scheme: 'http', fields: [] }) as unknown as RequestHead;

test('what a target speaks is read; where nothing is declared its first bytes tell', () => {
  expect(read({ case: 'opaque', value: {} }).protocol).toBe('opaque');
  expect(read({ case: 'http1', value: {} }).protocol).toBe('http1');
  expect(read({ case: 'grpc', value: {} }).protocol).toBe('http2');
  expect(read().protocol).toBe('detect');
  expect(read({ case: 'tls', value: {} }).protocol).toBe('tls');
  expect(read().labels).toEqual({
    group: 'policy.linkerd.io',
    kind: 'HTTPRoute',
    name: 'web',
    namespace: '',
    port: 0,
    section: '',
  });
});

test('each version has its routes where the protocol is detected', () => {
  const { protocol, http1, http2 } = read({
    case: 'detect',
    value: { http1: { routes: [prefix('one', '/a')] }, http2: { routes: [prefix('two', '/a')] } },
  });
  expect(protocol).toBe('detect');
  expect([http1, http2].map((table) => table?.find(get('/a/b'))?.labels.name)).toEqual(['one', 'two']);
  expect(http1?.find(get('/b'))).toBeUndefined();
});

test('a gRPC route is found by service and method', () => {
  const { http2 } = read({
    case: 'grpc',
    value: {
      routes: [{ metadata: resource('call'), rules: [{ matches: [{ rpc: { service: 'a.B', method: 'C' } }] }] }],
    },
  });
  expect(http2?.find(get('/a.B/C'))?.labels.name).toBe('call');
});

test('a match that cannot be read is told of', () => {
  const matches = [{ path: { kind: { case: 'regex' as const, value: '(a)\\1' } } }];
  const { http1 } = read({ case: 'http1', value: { routes: [{ metadata: resource('back'), rules: [{ matches }] }] } });
  expect(http1?.find(get('/'))).toBeUndefined();
  expect(unread).toEqual([expect.stringContaining('back: the pattern')]);
});

test('what requests may ask for is read: Services that lead somewhere, so many of them', () => {
  const backend = (name: string, namespace: string, path: string | undefined) => ({
    metadata: { kind: { case: 'resource' as const, value: { group: 'core', kind: 'Service', name, namespace } } },
    kind:
      path === undefined
        ? undefined
        : {
            case: 'balancer' as const,
            value: { discovery: { kind: { case: 'dst' as const, value: { path } } } },
          },
  });
  const overridesOf = (...overrideTargets: ReturnType<typeof backend>[]) =>
    outboundPolicyFromApi(create(OutboundPolicySchema, { overrideTargets }), () => {}).overrides;
  const web = backend('web-v2', 'shop', 'web-v2.shop.svc:80');
  expect(overridesOf(web, backend('lost', 'shop', undefined), backend('no-object', '', 'x.y.svc:80'))).toEqual([
    {
      labels: { group: 'core', kind: 'Service', name: 'web-v2', namespace: 'shop', port: 0, section: '' },
      destination: { kind: 'service', path: 'web-v2.shop.svc:80' },
    },
  ]);
  expect(overridesOf(...Array.from({ length: 100 }, () => web))).toHaveLength(32);
});

test('the share of requests that begin a trace is read, also that of none, and what is no share is told of', () => {
  const routes = [0, 0.5, undefined, 1.5, -1, Number.NaN].map((sampleRate, at) => ({
    ...prefix(`r${at}`, `/${at}`),
    tracing: sampleRate === undefined ? undefined : { sampleRate },
  }));
  const { http1 } = read({ case: 'http1', value: { routes } });
  expect(routes.map((_, at) => http1?.find(get(`/${at}`))?.traceSampleRate)).toEqual([
    0,
    0.5,
    ...Array(4).fill(undefined),
  ]);
  expect(unread.slice(-3)).toEqual(
    [1.5, -1, Number.NaN].map(
      (rate, at) => `r${at + 3}: the share of requests that begin a trace must be from 0 to 1, and is ${rate}`,
    ),
  );
});
