import { expect, it } from 'vitest';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { Authentication, RoutePolicy, ServerPolicy } from '../policy/inbound/server-policy.ts';
import { RouteTable } from '../route/route-table.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { joinPolicies, type TokenPolicy } from '../tokens/token-policy.ts';
import { IpNetwork } from '../wire/ip-network.ts';
import { nobody } from '../wire/nobody.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { AdminAccess, type AdminCaller } from './access.ts';

const labels = { group: '', kind: 'default', name: 'x' };
const authorization = (authentication: Authentication) => ({
  networks: [{ network: IpNetwork.parse('10.0.0.0/8')!, except: [] }],
  authentication,
  labels,
  audit: false,
});
const onlyPrometheus = authorization({ kind: 'identities', names: new Set(['prometheus']), suffixes: [] });
const server = (changes: Partial<ServerPolicy> = {}): ServerPolicy => ({
  ...{
    protocol: 'detect',
    isGrpc: false,
    detectTimeoutMs: 10,
    labels,
    routes: undefined,
    tokensFirst: undefined,
    written: false,
  },
  ...{ guardsPaths: false, guardsMethods: false, ownHeaders: undefined, rateLimit: undefined },
  authorizations: [onlyPrometheus],
  ...changes,
});

/** Who a client is taken for, and what is left of its hold on the policy once its connection has closed. */
function call(policy: ServerPolicy | undefined, remoteAddress: string, identity?: string) {
  let held = 0;
  const acquire = () => {
    held++;
    return { current: policy, release: () => held-- };
  };
  const access = new AdminAccess({
    timers: new FakeClock(),
    policies: { acquire } as unknown as Pick<PolicyStore, 'acquire'>,
    localName: 'web',
    terminateTls: () => undefined,
    detectTimeoutMs: 10,
  });
  const tls = identity === undefined ? undefined : { identity, alpn: undefined };
  const connection = { handler: nobody, remoteAddress, localPort: 4191, tls } as unknown as Connection;
  let caller: AdminCaller | undefined;
  access.accept(connection, (_connection, _version, _bytes, found, closed) => {
    caller = found;
    closed();
  });
  connection.handler.onBytes(Buffer.from('GET /metrics HTTP/1.1\r\n'));
  const head = { method: 'GET', path: '/metrics', authority: 'web', fields: [], marks: 0 } as unknown as RequestHead;
  return { fromThisHost: caller !== undefined && caller.otherHost === undefined, mayRead: caller?.mayRead(head), held };
}

it.each([
  ['the pod itself', '127.0.0.1', undefined, { fromThisHost: true, mayRead: true }],
  ['the identity that policy names', '10.1.2.3', 'prometheus', { fromThisHost: false, mayRead: true }],
  ['another', '10.1.2.3', 'web', { fromThisHost: false, mayRead: false }],
  ['one from elsewhere', '192.168.0.1', 'prometheus', { fromThisHost: false, mayRead: false }],
  ['nobody', '10.1.2.3', undefined, { fromThisHost: false, mayRead: false }],
])('policy of the port is asked of %s', (_, address, identity, expected) => {
  expect(call(server(), address, identity)).toEqual({ ...expected, held: 0 });
});

it('what is not known yet lets in nobody but the pod itself', () => {
  expect([call(undefined, '10.1.2.3', 'prometheus').mayRead, call(undefined, '::1').mayRead]).toEqual([false, true]);
});

it('a route is what decides, and where there are some, what fits none is closed', () => {
  const route = (value: string, tokens?: TokenPolicy, checks?: RoutePolicy['checks']) =>
    new RouteTable([
      {
        plan: {
          labels,
          authorizations: [authorization({ kind: 'unauthenticated' })],
          tokens,
          checks,
          filters: undefined,
          traceSampleRate: undefined,
        },
        hosts: [],
        matches: [{ path: { kind: 'prefix', value }, method: undefined, headers: [], queryParams: [] }],
      },
    ]);
  expect(call(server({ routes: route('/metrics') }), '10.1.2.3').mayRead).toBe(true);
  expect(call(server({ routes: route('/other') }), '10.1.2.3', 'prometheus').mayRead).toBe(false);
  const tokens = joinPolicies([{ optional: false, shut: false, rules: [], requiredClaims: [] }], new Set());
  expect(call(server({ routes: route('/metrics', tokens) }), '10.1.2.3', 'prometheus').mayRead).toBe(false);
  expect(call(server({ routes: route('/metrics', undefined, []) }), '10.1.2.3', 'prometheus').mayRead).toBe(false);
});
