import { expect, it } from 'vitest';
import type { OutboundRouteRow } from '../../lib/figures/query.ts';
import { noTraffic, type Traffic } from '../../lib/figures/traffic.ts';
import { inboundTable, outboundTable } from './policy-stats.ts';

const traffic: Traffic = {
  ...{ ...noTraffic, successes: 18, failures: 2, timeouts: 1, retries: 5, rps: 4 },
  buckets: new Map([
    [10, 20],
    [Number.POSITIVE_INFINITY, 20],
  ]),
};

it('what comes in stands by Server and route, what no route told apart as *', () => {
  const row = {
    namespace: 'shop',
    name: 'web',
    server: 'http:80',
    route: 'read',
    kind: 'httproute',
    group: '',
    traffic,
  };
  expect(inboundTable([{ ...row, route: '', kind: '', traffic: noTraffic }, row], true)).toBe(
    [
      'NAMESPACE   NAME   SERVER    ROUTE   TYPE        SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99',
      'shop        web    http:80   *       -                 -        -             -             -             -',
      'shop        web    http:80   read    httproute    90.00%   4.0rps           5ms          10ms          10ms',
      '',
    ].join('\n'),
  );
});

it('routes of one name are told apart by their groups, and others have their names alone', () => {
  const row = { namespace: 'shop', name: 'web', server: 'http:80', route: 'read', kind: 'HTTPRoute', traffic };
  const [gateway, policy] = ['gateway.networking.k8s.io', 'policy.linkerd.io'];
  const other = { ...row, route: 'write', group: gateway };
  const table = inboundTable([{ ...row, group: gateway }, { ...row, group: policy }, other], false);
  const routes = table.split('\n').map((line) => line.split(/ {2,}/)[2]);
  expect(routes.slice(1, 4)).toEqual([`read.${gateway}`, `read.${policy}`, 'write']);
  const sent: OutboundRouteRow = {
    ...row,
    service: 'orders:80',
    serviceNamespace: 'shop',
    group: gateway,
    backend: '',
  };
  expect(outboundTable([sent, { ...sent, group: policy }], false)).toContain(` read.${policy} `);
});

it('what is called stands by route, with its backends below, and the shares that took too long or were tried again', () => {
  const row: OutboundRouteRow = {
    ...{ namespace: 'shop', name: 'web', service: 'orders:80', serviceNamespace: 'shop' },
    ...{ route: 'canary', kind: 'HTTPRoute', group: 'gateway.networking.k8s.io', backend: '', traffic },
  };
  expect(outboundTable([row, { ...row, backend: 'next:80', traffic: { ...traffic, retries: 0 } }], false)).toBe(
    [
      'NAME   SERVICE     ROUTE    TYPE        BACKEND     SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TIMEOUTS   RETRIES',
      'web    orders:80   canary   HTTPRoute   -            90.00%   4.0rps           5ms          10ms          10ms      5.00%    25.00%',
      'web    orders:80   canary   HTTPRoute   └ next:80    90.00%   4.0rps           5ms          10ms          10ms          -         -',
      '',
    ].join('\n'),
  );
});
