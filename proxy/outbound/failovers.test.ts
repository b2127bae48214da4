import { beforeEach, expect, it } from 'vitest';
import type { Backend } from '../backend/backend.ts';
import type { Failover } from '../backend/failover.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { FailoverBackends } from '../policy/outbound/model.ts';
import { FailoverMetrics } from '../telemetry/failover-metrics.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Failovers } from './failovers.ts';

/** A backend of which so many of four endpoints are ready. */
class Place implements Backend {
  readonly isAvailable = true;
  readonly health = { isKnown: true, ready: 4, total: 4, wantsProbe: false, keepTrying: () => {} };
  sent = 0;
  send(): void {
    this.sent++;
  }
}

let clock: FakeClock;
let registry: MetricsRegistry;
let lines: string[];
let failovers: Failovers;
let places: Place[];

beforeEach(() => {
  clock = new FakeClock();
  registry = new MetricsRegistry(() => clock.nowMs());
  lines = [];
  const log = new Log(
    'info',
    'plain',
    (line) => lines.push(line.trimEnd()),
    () => new Date(0),
  );
  failovers = new Failovers({ clock, log, metrics: new FailoverMetrics(registry) });
  places = [new Place(), new Place()];
});

const labels = (name: string) => ({ group: 'core', kind: 'Service', namespace: 'shop', name, port: 80, section: '' });
const route = { route_kind: 'HTTPRoute', route_name: 'web' };

/** Tells the rule, to backends of these names; undefined for one that is not told any more. */
function tell(...names: string[]): Failover | undefined {
  const plain = { filters: undefined, mirrors: [], balancing: undefined, weight: 1, timeoutMs: undefined };
  const distribution: FailoverBackends = {
    kind: 'first',
    minReady: 0.5,
    endpoints: [],
    backends: names.map((name) => ({
      ...plain,
      labels: labels(name),
      destination: { kind: 'service', path: `${name}:80` },
    })),
  };
  failovers.begin();
  const made =
    names.length === 0
      ? undefined
      : failovers.of(
          route,
          distribution,
          places.map((backend) => ({ backend, endpoints: 4 })),
        );
  failovers.end();
  return made;
}
const send = (to: Failover | undefined) => to?.send({ exchange: { attempts: 1 } } as Attempt);
const metrics = () =>
  [...registry.pieces()]
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('outbound_route_failover'))
    .map((line) => line.replace(/\{.*backend_name="(\w+)".*\}/, ' $1'));

it('a rule that is told anew goes on where it was, and tells of no switch', () => {
  places[0].health.ready = 1;
  send(tell('a', 'b'));
  expect(metrics()).toEqual([
    'outbound_route_failover_switches_total b 1',
    'outbound_route_failover_backend a 0',
    'outbound_route_failover_backend b 1',
  ]);
  places[0].health.ready = 4;
  for (let i = 0; i < 100; i++) {
    clock.advance(40);
    send(tell('a', 'b'));
  }
  expect(places.map(({ sent }) => sent)).toEqual([0, 101]);
  clock.advance(2000);
  send(tell('a', 'b'));
  expect(places.map(({ sent }) => sent)).toEqual([1, 101]);
  expect(lines.map((line) => line.replace(/^\S+ +/, ''))).toEqual([
    'WARN  route fails over to another backend route=HTTPRoute web from=shop/a:80 to=shop/b:80 ready=1 of 4',
    'INFO  route is back at a backend that it prefers route=HTTPRoute web from=shop/b:80 to=shop/a:80',
  ]);
});

it('a rule with other backends begins with the first, and one that is gone is told of no more', () => {
  places[0].health.ready = 0;
  send(tell('a', 'b'));
  tell('c', 'd');
  expect(metrics().slice(1)).toEqual(['outbound_route_failover_backend c 1', 'outbound_route_failover_backend d 0']);
  tell();
  expect(metrics().slice(1)).toEqual([]);
});
