import { afterEach, describe, expect, test, vi } from 'vitest';
import { PolicyWorld } from '../testing.ts';

/** What proxies are told of rules that name FaultInjections. */
let world: PolicyWorld;
afterEach(() => world.stop());

const fault = (spec: object, name = 'slow', namespace = 'shop') => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'FaultInjection',
  metadata: { name, namespace },
  spec,
});
const filters = [{ type: 'ExtensionRef', extensionRef: { group: 'tulle.dev', kind: 'FaultInjection', name: 'slow' } }];
const route = (kind: string, parent: object, rules: object[]) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { name: 'r', namespace: 'shop' },
  spec: { parentRefs: [parent], rules },
});
const cluster = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
  },
];
const server = (proxyProtocol: string) => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, port: 8080, proxyProtocol },
});

interface Told {
  protocol: Record<string, { routes?: { rules: { filters?: object[] }[] }[]; http1?: Told['protocol'][string] }>;
}
const rulesOf = (message: object | undefined) => {
  const [protocol] = Object.values((message as Told | undefined)?.protocol ?? {});
  return (protocol?.http1 ?? protocol)?.routes?.[0].rules;
};
const filtersOf = (message: object | undefined) => rulesOf(message)?.[0].filters;

const sides: [side: string, kind: string, parent: object, protocol: string][] = [
  ['outbound', 'HTTPRoute', { group: '', kind: 'Service', name: 'web', port: 80 }, ''],
  ['outbound', 'GRPCRoute', { group: '', kind: 'Service', name: 'web', port: 80 }, ''],
  ['inbound', 'HTTPRoute', { group: 'policy.linkerd.io', kind: 'Server', name: 'web' }, 'HTTP/1'],
  ['inbound', 'GRPCRoute', { group: 'policy.linkerd.io', kind: 'Server', name: 'web' }, 'gRPC'],
];

describe.each(sides)('%s, of a %s', (side, kind, parent, protocol) => {
  const isGrpc = kind === 'GRPCRoute';
  const of = (...objects: object[]) => [
    ...cluster,
    ...(protocol === '' ? [] : [server(protocol)]),
    route(kind, parent, [{ filters }, {}]),
    ...objects,
  ];
  const start = async (...objects: object[]) => {
    world = await PolicyWorld.start(of(...objects));
    return side === 'inbound' ? world.watchPort(8080) : world.watchOutbound('web.shop.svc.cluster.local:80');
  };
  const failing = (message: string) => [{ failureInjector: isGrpc ? { code: 13, message } : { status: 500, message } }];
  const injected = isGrpc ? { code: 14 } : { status: 503 };
  const abort = { httpStatus: 503, grpcStatus: 'UNAVAILABLE' };

  test('a delay and an abort are told with their shares, and what changes is told anew', async () => {
    const seen = await start(
      fault({ delay: { fixedDelay: '1m30s', percentage: 10 }, abort: { ...abort, percentage: 0.5 } }),
    );
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    const message = 'injected by FaultInjection shop/slow';
    expect(filtersOf(seen.messages[0])).toEqual([
      { delay: { duration: '90s', ratio: { numerator: 100_000, denominator: 1_000_000 } } },
      { failureInjector: { ...injected, message, ratio: { numerator: 5000, denominator: 1_000_000 } } },
    ]);
    world.write(...of(fault({ abort })));
    await vi.waitFor(() =>
      expect(filtersOf(seen.messages.at(-1))).toEqual([{ failureInjector: { ...injected, message } }]),
    );
    world.write(...of());
    await vi.waitFor(() =>
      expect(filtersOf(seen.messages.at(-1))).toEqual(failing('there is no FaultInjection shop/slow')),
    );
  });

  test.each<[string, object[], string]>([
    ['is of another namespace', [fault({ abort }, 'slow', 'other')], 'there is no FaultInjection shop/slow'],
    [
      'cannot hold',
      [fault({ delay: { fixedDelay: '0s' } })],
      'the FaultInjection shop/slow cannot hold: spec.delay.fixedDelay (0s) must be longer than 0 and not longer than 1h',
    ],
    [
      'has no status of this protocol',
      [fault({ abort: isGrpc ? { httpStatus: 503 } : { grpcStatus: 'UNAVAILABLE' } })],
      `the FaultInjection shop/slow cannot hold: for ${isGrpc ? 'a GRPCRoute it needs spec.abort.grpcStatus' : 'an HTTPRoute it needs spec.abort.httpStatus'}`,
    ],
  ])('one that %s fails the requests of its rule, and no others', async (_name, objects, why) => {
    const seen = await start(...objects);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    expect(filtersOf(seen.messages[0])).toEqual(failing(why));
    expect(rulesOf(seen.messages[0])?.[1]).not.toHaveProperty('filters');
  });
});
