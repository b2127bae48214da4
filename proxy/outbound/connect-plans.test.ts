import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { OpaqueRouteSchema, TlsRouteSchema } from '../../api/gen/outbound_pb.js';
import type { TcpBackend } from '../backend/backend.ts';
import type { TcpWaiter } from '../backend/tcp-balancer.ts';
import { ConnectRoutes } from '../policy/outbound/connect-routes.ts';
import type { Connection } from '../wire/transport.ts';
import { ConnectPlans } from './connect-plans.ts';

class Place implements TcpBackend {
  isAvailable = true;
  readonly waiters: TcpWaiter[] = [];
  connect(waiter: TcpWaiter): void {
    this.waiters.push(waiter);
  }
}

/** Plans over places by path, with what their connections are counted as. */
function plansOf(routes: ConnectRoutes) {
  const places = new Map<string, Place>();
  const counts: string[] = [];
  const place = (path: string): Place => {
    if (!places.has(path)) places.set(path, new Place());
    return places.get(path)!;
  };
  const plans = new ConnectPlans(routes, {
    backendOf: ({ destination: to }) => place(to.kind === 'service' ? to.path : to.address),
    random: () => 0,
    countsOf: ({ labels }) => ({
      opened: (hostname) => counts.push(`${labels.name} open ${hostname}`),
      closed: (hostname, error) => counts.push(`${labels.name} close ${hostname} ${error}`),
    }),
  });
  const failures: string[] = [];
  const upstreams: (() => void)[] = [];
  const connect = (serverName?: string): void =>
    plans.connect(
      {
        gone: false,
        onConnected: (_, closed) => void upstreams.push(closed),
        onFailed: (reason, detail) => void failures.push(`${reason}: ${detail}`),
      },
      serverName,
    );
  return { place, counts, failures, upstreams, connect };
}

const to = (path: string, weight = 1) => ({
  weight,
  backend: {
    backend: {
      kind: { case: 'balancer' as const, value: { discovery: { kind: { case: 'dst' as const, value: { path } } } } },
    },
  },
});
type RuleInit = NonNullable<MessageInitShape<typeof OpaqueRouteSchema>['rules']>[number];
const opaque = (rule: RuleInit) =>
  ConnectRoutes.opaque([
    create(OpaqueRouteSchema, { metadata: { kind: { case: 'default', value: 'route' } }, rules: [rule] }),
  ]);
const random = (...backends: ReturnType<typeof to>[]) => ({
  backends: { kind: { case: 'randomAvailable' as const, value: { backends } } },
});

it('connections are shared out by weight', () => {
  const { place, connect } = plansOf(opaque(random(to('a', 3), to('b', 1), to('none', 0))));
  for (let i = 0; i < 100; i++) connect();
  expect(['a', 'b', 'none'].map((path) => place(path).waiters.length)).toEqual([75, 25, 0]);
});

it('one that fails everything at once has none while another takes connections', () => {
  const { place, connect } = plansOf(opaque(random(to('a', 3), to('b', 1))));
  place('a').isAvailable = false;
  for (let i = 0; i < 10; i++) connect();
  expect([place('a').waiters.length, place('b').waiters.length]).toEqual([0, 10]);
});

it('what is forbidden, or leads nowhere, is refused and counted', () => {
  const forbidden = plansOf(
    opaque({ ...random(to('a')), filters: [{ kind: { case: 'forbidden' as const, value: {} } }] }),
  );
  forbidden.connect();
  expect(forbidden.failures).toEqual(['forbidden: default route forbids it']);
  expect(forbidden.counts).toEqual(['route open ', 'route close  forbidden']);
  expect(forbidden.place('a').waiters).toEqual([]);

  const empty = plansOf(opaque({}));
  empty.connect();
  const missing = plansOf(opaque({ backends: { kind: { case: 'firstAvailable', value: { backends: [{}] } } } }));
  missing.connect();
  expect([...empty.failures, ...missing.failures]).toEqual([
    'no backend: the rule has no backend that takes connections',
    'no backend: the backend cannot be read',
  ]);
});

it('without a route of its name, or without a name, it is refused', () => {
  const tls = ConnectRoutes.tls([
    create(TlsRouteSchema, {
      metadata: { kind: { case: 'default', value: 'tls' } },
      snis: [{ match: { case: 'exact', value: 'a.example' } }],
      rules: [random(to('a'))],
    }),
  ]);
  const { place, connect, failures, counts } = plansOf(tls);
  connect('a.example');
  connect('b.example');
  connect();
  expect(place('a').waiters).toHaveLength(1);
  expect(failures).toEqual(['no route: none is for b.example', 'no server name: it asks for none']);
  place('a').waiters[0].onConnected({} as Connection, () => {});
  expect(counts).toEqual(['tls open a.example']);
});

it('a connection is counted when it has an endpoint, and when it has ended', () => {
  const { place, connect, counts, upstreams } = plansOf(opaque(random(to('a'))));
  connect();
  expect(counts).toEqual([]);
  let ended = 0;
  place('a').waiters[0].onConnected({} as Connection, () => ended++);
  expect(counts).toEqual(['route open ']);
  upstreams[0]();
  expect([counts[1], ended]).toEqual(['route close  ', 1]);
});
