import { expect, it } from 'vitest';
import { LimitedLog } from '../telemetry/limited-log.ts';
import { Log } from '../telemetry/log.ts';
import { testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import type { Dialer } from '../upstream/endpoint.ts';
import type { Connection } from '../wire/transport.ts';
import { Applications } from './application.ts';
import { incoming } from './incoming.ts';

/** The application listens on these, of which it declares the first. */
const [declared, undeclared] = [8080, 9090];

function applicationsOf() {
  const side = testSide();
  const clock = side.clock as FakeClock;
  const dialer: Dialer = {
    dialHttp: () => {},
    dialTcp: ({ info }, onConnected, onFailed) => {
      if (info.port === declared || info.port === undeclared) onConnected({} as Connection);
      else onFailed('connect', 'refused');
    },
  };
  const applications = new Applications({
    ports: new Set([declared]),
    clock,
    deadlines: side.deadlines,
    peerLog: new LimitedLog({ log: new Log('off', 'plain', () => {}, () => new Date(0)), nowMs: () => 0 }), // biome-ignore format: one step
    dialer,
    maxConnectionsPerEndpoint: 10,
    failfastMs: 1000,
    http1IdleMs: 3000,
  });
  return { applications, clock };
}

const client = (identity?: string): Connection =>
  ({
    remoteAddress: '10.9.0.1',
    tls: identity === undefined ? undefined : { identity, alpn: undefined },
  }) as Connection;

it('who proves no identity makes no label of a port, other than of those that the application has', () => {
  const { applications } = applicationsOf();
  const shown = (port: number, identity?: string) =>
    incoming(client(identity), '10.9.0.2', port, {}, applications).labels['target_addr'];
  expect(shown(declared)).toBe('10.9.0.2:8080');
  expect([shown(undeclared), shown(1234)]).toEqual(['10.9.0.2:other', '10.9.0.2:other']);
  expect(shown(1234, 'web')).toBe('10.9.0.2:1234');
  for (const port of [undeclared, 1234]) {
    applications.at('10.9.0.2', port).connectTcp(
      () => {},
      () => {},
    );
  }
  expect([shown(undeclared), shown(1234)]).toEqual(['10.9.0.2:9090', '10.9.0.2:other']);
});

it('what a scan of ports asked for is forgotten', () => {
  const { applications, clock } = applicationsOf();
  const first = applications.at('10.9.0.2', 1234);
  const kept = applications.at('10.9.0.2', declared);
  first.users++;
  clock.advance(10_000);
  expect(applications.at('10.9.0.2', 1234)).toBe(first);
  first.users--;
  clock.advance(10_000);
  expect(applications.at('10.9.0.2', 1234)).not.toBe(first);
  expect(applications.at('10.9.0.2', declared)).toBe(kept);
});
