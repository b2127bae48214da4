import { expect, it } from 'vitest';
import { plainPlan } from '../exchange/plan.ts';
import type { CheckPolicy } from '../ext-authz/check-policy.ts';
import { defaultServerPolicy } from '../policy/inbound/default-policy.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import { LimitedLog } from '../telemetry/limited-log.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, testSide } from '../testing/exchanges.ts';
import type { Connection } from '../wire/transport.ts';
import { CheckGate } from './check-gate.ts';
import { Checks } from './checks.ts';
import { incoming } from './incoming.ts';
import { InboundMetrics } from './metrics.ts';

const open: CheckPolicy = {
  labels: { group: 'tulle.dev', kind: 'ExternalAuthorization', name: 'opa' },
  authority: 'opa.policy.svc.cluster.local:9191',
  timeoutMs: 200,
  failOpen: true,
  sentHeaders: undefined,
  headersToBackend: new Set(),
  contextExtensions: {},
  unusable: undefined,
};

/** Gates of a process, each of a connection of its own, whose authorizer has not answered yet. */
function busy() {
  const side = testSide();
  const nowMs = () => side.clock.nowMs();
  const registry = new MetricsRegistry(nowMs);
  const log = new Log(
    'off',
    'plain',
    () => {},
    () => new Date(0),
  );
  const checks = new Checks({ side, sendTo: () => {}, wallClockMs: () => 0 });
  const options = {
    checks,
    metrics: new InboundMetrics(registry, nowMs),
    peerLog: new LimitedLog({ log, nowMs }),
    localName: undefined,
  };
  const current = defaultServerPolicy('all-unauthenticated', {
    clusterNetworks: [],
    detectTimeoutMs: 1000,
    opaque: false,
    requireIdentity: false,
    requireTls: false,
  });
  const ask = (remoteAddress: string, policy = open) => {
    const connection = { remoteAddress, remotePort: 4000, tls: undefined } as unknown as Connection;
    const arriving = incoming(connection, '10.0.0.1', 8080, {}, { isKnown: () => true });
    const gate = new CheckGate(options, connection, arriving, { current } as KnownPortPolicy);
    const { exchange, client } = exchangeOf(side);
    exchange.outgoing = exchange.head;
    let letIn = false;
    gate.admit(exchange, [policy], plainPlan({ send: () => {} }), () => {
      letIn = true;
    });
    return { letIn, status: client.status };
  };
  const failed = () =>
    [...registry.pieces()]
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('inbound_http_ext_authz_total{'))
      .map((line) => [/decision="(\w+)"/.exec(line)?.[1], Number(line.split(' ').at(-1))]);
  return { checks, ask, failed };
}

it('what is too many to be asked about is let in by no mode of failure, be it too many of one client or of all', () => {
  const { checks, ask, failed } = busy();
  for (let i = 0; i < 250; i++) ask('10.1.0.0');
  expect(ask('10.1.0.0')).toEqual({ letIn: false, status: 503 });
  for (let i = 1; checks.underWay < 1000; i++) ask(`10.1.${i >> 8}.${i & 255}`);
  expect(ask('10.2.0.1')).toEqual({ letIn: false, status: 503 });
  expect(failed()).toEqual([['failed_closed', 2]]);
});

it('nobody to ask is what a mode of failure is for', () => {
  const { ask, failed } = busy();
  const gone = { ...open, unusable: 'there is no Service policy/opa' };
  expect(ask('10.1.0.1', gone)).toEqual({ letIn: true, status: undefined });
  expect(ask('10.1.0.1', { ...gone, failOpen: false })).toEqual({ letIn: false, status: 403 });
  expect(failed()).toEqual([
    ['failed_open', 1],
    ['failed_closed', 1],
  ]);
});
