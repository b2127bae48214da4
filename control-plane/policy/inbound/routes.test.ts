import { describe, expect, test } from 'vitest';
import {
  account,
  authz,
  group,
  inboundPolicies,
  namespace,
  type Policy,
  pod,
  policy,
  type Route,
  server,
  serverRef,
} from './testing.ts';

const { policyOf } = inboundPolicies();

describe('routes', () => {
  const routes = ({ protocol }: Policy): Route[] =>
    Object.values(protocol)[0].httpRoutes ?? Object.values(protocol)[0].routes ?? [];
  const route = (name: string, spec: object = {}, metadata: object = {}) =>
    policy('HTTPRoute', name, { parentRefs: [serverRef], ...spec }, metadata);

  test.each([
    ['of the default policy', [namespace({ 'config.linkerd.io/default-inbound-policy': 'deny' })]],
    ['of a Server without routes', [server('web')]],
  ])('%s are one for all and one for the kubelet’s probes', async (_name, objects) => {
    const found = routes(await policyOf(8080, pod(), ...objects));
    expect(found.map(({ metadata }) => metadata)).toEqual([{ default: 'default' }, { default: 'probe' }]);
    expect(found[1].rules).toEqual([{ matches: [{ path: { exact: '/live' }, method: { registered: 'GET' } }] }]);
    expect(found[1].authorizations).toMatchObject([{ labels: { name: 'probe' } }]);
  });

  test('replace these, carry their own authorizations, and come with the oldest first', async () => {
    const found = routes(
      await policyOf(
        8080,
        pod(),
        server('web'),
        route('new', {
          hostnames: ['web.shop', '*.shop'],
          rules: [
            {
              matches: [
                {
                  path: { type: 'RegularExpression', value: '/a/\\d+' },
                  headers: [{ name: 'X-A', value: 'b' }],
                  queryParams: [{ type: 'RegularExpression', name: 'q', value: '.+' }],
                  method: 'POST',
                },
              ],
              filters: [
                {
                  type: 'RequestHeaderModifier',
                  requestHeaderModifier: { set: [{ name: 'x', value: 'y' }], remove: ['Z'] },
                },
                { type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['x'] } },
              ],
            },
          ],
        }),
        route('old', {}, { creationTimestamp: '2026-01-01T00:00:00Z' }),
        { ...route('gateway'), apiVersion: 'gateway.networking.k8s.io/v1' },
        authz('a', { group, kind: 'HTTPRoute', name: 'new' }, account),
      ),
    );
    expect(found.map(({ metadata }) => metadata.resource)).toEqual([
      { group, kind: 'HTTPRoute', name: 'old' },
      { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'gateway' },
      { group, kind: 'HTTPRoute', name: 'new' },
    ]);
    expect(found.map(({ authorizations = [] }) => authorizations.map(({ labels }) => labels.name))).toEqual([
      [],
      [],
      ['a'],
    ]);
    expect(found[2]).toMatchObject({
      hosts: [{ exact: 'web.shop' }, { suffix: { reverseLabels: ['shop'] } }],
      rules: [
        {
          matches: [
            {
              path: { regex: '/a/\\d+' },
              headers: [{ name: 'x-a', exact: 'Yg==' }],
              queryParams: [{ name: 'q', regex: '.+' }],
              method: { registered: 'POST' },
            },
          ],
          filters: [
            { requestHeaderModifier: { set: { headers: [{ name: 'x', value: 'eQ==' }] }, remove: ['z'] } },
            { responseHeaderModifier: { remove: ['x'] } },
          ],
        },
      ],
    });
  });

  test.each<[string, object]>([
    ['of another namespace', route('r', { parentRefs: [{ ...serverRef, namespace: 'shop' }] }, { namespace: 'other' })],
    ['for another Server', route('r', { parentRefs: [{ ...serverRef, name: 'other' }] })],
  ])('%s do not count', async (_name, subject) => {
    expect(routes(await policyOf(8080, pod(), server('web'), subject))[0].metadata).toEqual({ default: 'default' });
  });

  test('with a filter that is not supported fail in that rule, and hold in the others', async () => {
    const filters = [{ type: 'ExtensionRef', extensionRef: { group: 'x', kind: 'Y', name: 'z' } }];
    const [found] = routes(await policyOf(8080, pod(), server('web'), route('r', { rules: [{ filters }, {}] })));
    expect(found.rules).toMatchObject([
      { filters: [{ failureInjector: { status: 500, message: 'the filter ExtensionRef is not supported' } }] },
      {},
    ]);
    expect(found.rules?.[1]).not.toHaveProperty('filters');
  });

  test('say which share of their requests is traced, and hold without a share that cannot be read', async () => {
    const traced = (name: string, rate: string) =>
      route(name, {}, { annotations: { 'tracing.tulle.dev/sample-rate': rate } });
    const found = routes(await policyOf(8080, pod(), server('web'), traced('a', '0.1'), traced('b', 'all')));
    expect(found.map(({ metadata, tracing }) => [metadata.resource, tracing])).toEqual([
      [expect.objectContaining({ name: 'a' }), { sampleRate: 0.1 }],
      [expect.objectContaining({ name: 'b' }), undefined],
    ]);
  });

  test('of gRPC that nobody wrote are one for every method', async () => {
    const found = routes(await policyOf(8080, pod(), server('web', { proxyProtocol: 'gRPC' })));
    expect(found).toMatchObject([{ metadata: { default: 'default' }, rules: [{ matches: [{ rpc: {} }] }] }]);
  });

  test('of gRPC match service and method, and displace HTTPRoutes', async () => {
    const grpc = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GRPCRoute',
      metadata: { name: 'g', namespace: 'shop' },
      spec: { parentRefs: [serverRef], rules: [{ matches: [{ method: { service: 'a.B', method: 'C' } }] }] },
    };
    const found = routes(await policyOf(8080, pod(), server('web', { proxyProtocol: 'gRPC' }), grpc, route('r')));
    expect(found).toMatchObject([
      {
        metadata: { resource: { kind: 'GRPCRoute', name: 'g' } },
        rules: [{ matches: [{ rpc: { service: 'a.B', method: 'C' } }] }],
      },
    ]);
  });
});
