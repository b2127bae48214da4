import { beforeEach, expect, it } from 'vitest';
import type { Exchange } from '../exchange/exchange.ts';
import { plainPlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { makeBreaker } from '../resilience/breaker/make-breaker.ts';
import { Preference } from '../resilience/preference.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, type TestClient, TestConnection, testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import type { Dialled } from '../upstream/connection-pool.ts';
import { Field } from '../wire/field.ts';
import { Affine } from './affine.ts';
import { Balancer } from './balancer.ts';
import type { BalancerOptions } from './balancer-options.ts';
import { Counted } from './counted.ts';
import { Failover, type PreferredBackend } from './failover.ts';
import { Timed } from './timed.ts';
import { Unusable } from './unusable.ts';

interface Dial {
  readonly address: string;
  readonly dialled: Dialled;
}

let side: ReturnType<typeof testSide>;
let clock: FakeClock;
let dials: Dial[];
let moves: string[];

beforeEach(() => {
  side = testSide();
  clock = side.clock as FakeClock;
  dials = [];
  moves = [];
});

function balancer(name: string, changes: Partial<BalancerOptions> = {}): Balancer {
  const registry = new MetricsRegistry(() => clock.nowMs());
  return new Balancer(name, {
    clock,
    deadlines: side.deadlines,
    log: new Log(
      'off',
      'plain',
      () => {},
      () => new Date(0),
    ),
    dialer: {
      dialHttp: ({ info }, _version, dialled) => void dials.push({ address: info.address, dialled }),
      dialTcp: () => {},
    },
    http1OverHttp2: true,
    requestMetrics: (authority, { address }) => registry.requestMetrics({ authority, address }),
    failfastMs: 3000,
    queueCapacity: 10,
    ...changes,
  });
}

const endpoints = (...addresses: string[]) =>
  addresses.map((address) => plaintextEndpoint(address, 80, 'not_provided_by_service_discovery'));

function failover(minShare: number, ...backends: PreferredBackend[]): Failover {
  return new Failover(backends, {
    clock,
    preference: new Preference(backends.length, minShare, 5000),
    onMoved: (from, to, { ready, total }) => void moves.push(`${from} (${ready}/${total}) -> ${to}`),
  });
}

function send(to: Failover, fields: readonly Field[] = []): { exchange: Exchange; client: TestClient } {
  const sent = exchangeOf(side, { version: 'http2', tellsWhy: true, head: { fields } });
  sent.exchange.begin(plainPlan(to));
  return sent;
}

/** Connects what is dialled, or has it fail, and returns the connections by address. */
function settle(isUp: (address: string) => boolean): Map<string, TestConnection> {
  const made = new Map<string, TestConnection>();
  for (const { address, dialled } of dials.splice(0)) {
    if (!isUp(address)) {
      dialled.onDialFailed('connect', 'it said no');
      continue;
    }
    const connection = new TestConnection();
    dialled.onConnected(connection);
    made.set(address, connection);
  }
  return made;
}

it('a request whose first backend cannot be reached is sent to the next, and its client is told nothing of it', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  first.replace('first', endpoints('10.0.0.1'));
  second.replace('second', endpoints('10.0.0.2'));
  const to = failover(0, { backend: first, endpoints: 0 }, { backend: second, endpoints: 0 });
  const { client } = send(to);
  settle(() => false);
  expect(moves).toEqual(['0 (0/1) -> 1']);
  const made = settle(() => true);
  expect(made.get('10.0.0.2')?.requests).toBe(1);
  expect(client.heads).toEqual([]);
});

it('where none can be reached it fails as the first does, once each was tried', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  first.replace('first', endpoints('10.0.0.1'));
  second.replace('second', endpoints('10.0.0.2'));
  const to = failover(0, { backend: first, endpoints: 0 }, { backend: second, endpoints: 0 });
  const { client } = send(to);
  settle(() => false);
  settle(() => false);
  expect(client.heads[0]?.status).toBe(failures.connect.status);
  expect(send(to).client.heads[0]?.status).toBe(failures.connect.status);
});

it('waits for discovery to tell of the first backend, and goes on when that has no endpoints', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  const to = failover(0, { backend: first, endpoints: 0 }, { backend: second, endpoints: 0 });
  send(to);
  second.replace('second', endpoints('10.0.0.2'));
  expect(settle(() => true).size).toBe(0);
  first.replace('first', []);
  expect(settle(() => true).get('10.0.0.2')?.requests).toBe(1);
  expect(moves).toEqual(['0 (0/0) -> 1']);
});

it('counts endpoints that are not ready, and so not told of, as the control plane says', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  first.replace('first', endpoints('10.0.0.1'));
  second.replace('second', endpoints('10.0.0.2'));
  const to = failover(0.5, { backend: first, endpoints: 4 }, { backend: second, endpoints: 1 });
  send(to);
  expect(moves).toEqual(['0 (1/4) -> 1']);
});

it('comes back by itself: what was lost is tried in the background while requests go elsewhere', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  first.replace('first', endpoints('10.0.0.1'));
  second.replace('second', endpoints('10.0.0.2'));
  const to = failover(0, { backend: first, endpoints: 0 }, { backend: second, endpoints: 0 });
  send(to);
  settle(() => false);
  // For longer than endpoints of a service that nobody uses are tried.
  for (let second = 0; second < 30; second++) {
    clock.advance(1000);
    send(to);
    settle((address) => address !== '10.0.0.1');
  }
  expect(moves).toEqual(['0 (0/1) -> 1']);
  for (let second = 0; second < 20; second++) {
    clock.advance(1000);
    send(to);
    settle(() => true);
  }
  expect(moves).toEqual(['0 (0/1) -> 1', '1 (1/1) -> 0']);
});

it('what a backend has made of a request is not sent to the next', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  first.replace('first', endpoints('10.0.0.1'));
  second.replace('second', endpoints('10.0.0.2'));
  const to = failover(
    0,
    { backend: new Timed(first, 1000), endpoints: 0 },
    { backend: new Timed(second, 2000), endpoints: 0 },
  );
  const { client } = send(to);
  clock.advance(900);
  settle(() => false);
  settle(() => true);
  clock.advance(1500);
  expect(client.heads).toEqual([]);
  clock.advance(600);
  expect(client.heads[0]?.status).toBe(failures.tryTimeout.status);
});

it('a backend that is not there is passed over, and fails what comes where there is no other', () => {
  const second = balancer('second');
  second.replace('second', endpoints('10.0.0.2'));
  const missing = { backend: new Unusable(failures.backend), endpoints: 0 };
  send(failover(0, missing, { backend: second, endpoints: 0 }));
  expect(settle(() => true).get('10.0.0.2')?.requests).toBe(1);
  second.replace('second', []);
  const { client } = send(failover(0, missing, { backend: second, endpoints: 0 }));
  expect(client.heads[0]?.status).toBe(failures.backend.status);
});

it('of requests with keys, too, one alone goes to a backend that is left, to the endpoint that it shows to be well', () => {
  const backOff = { minMs: 1000, maxMs: 1000, jitterRatio: 0, honorsHints: false };
  const config = { maxFailures: 1, successRate: undefined, backOff, minReadyEndpoints: 0 };
  const first = balancer('first', {
    breaker: () => makeBreaker(config, clock.random),
    choice: { affinity: { key: { kind: 'source' }, maxLoad: undefined }, zones: undefined },
  });
  const second = balancer('second');
  first.replace('first', endpoints('10.0.0.1', '10.0.0.2'));
  second.replace('second', endpoints('10.0.1.1'));
  const to = failover(
    1,
    { backend: new Affine(first, { kind: 'header', name: 'x-user' }), endpoints: 0 },
    { backend: second, endpoints: 0 },
  );
  const made = new Map<string, TestConnection>();
  const ask = (user: number): string => {
    const { client } = send(to, [new Field('x-user', String(user))]);
    for (let i = 0; dials.length > 0 && i < 10; i++) for (const each of settle(() => true)) made.set(...each);
    for (const [address, { upstreams }] of made) {
      const [upstream] = upstreams.splice(0);
      if (upstream === undefined) continue;
      upstream.answer(address === bad ? 500 : 200);
      expect(client.status).toBeDefined();
      return address;
    }
    throw new Error('it went nowhere');
  };
  let bad = '';
  const at = Array.from({ length: 40 }, (_, user) => ask(user));
  const user = at.indexOf('10.0.0.1');
  const others = at.flatMap((address, other) => (address === '10.0.0.2' ? [other] : []));
  bad = '10.0.0.1';
  expect(ask(user)).toBe(bad);
  expect(ask(user)).toBe('10.0.1.1');
  // It is on probation, and still not well.
  clock.advance(1100);
  const during = others.map((other) => ask(other));
  expect(during.filter((address) => address !== '10.0.1.1')).toEqual([bad]);
});

it('the time that a request has waited for one backend is held against no endpoint of the next', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  const to = failover(0, { backend: first, endpoints: 0 }, { backend: second, endpoints: 0 });
  second.replace('second', endpoints('10.0.0.2'));
  exchangeOf(side, { version: 'http2' }).exchange.begin(plainPlan(second));
  const connection = settle(() => true).get('10.0.0.2')!;
  connection.upstreams.splice(0)[0].answer();
  send(to);
  clock.advance(2000);
  first.replace('first', []);
  clock.advance(5);
  connection.upstreams.splice(0)[0].answer();
  expect(second.endpoints.get('10.0.0.2:80')!.cost(clock.nowMs())).toBeLessThan(100);
});

it('a request that goes elsewhere counts at the backend that it waited for as one that came to nothing there', () => {
  const [first, second] = [balancer('first'), balancer('second')];
  first.replace('first', endpoints('10.0.0.1'));
  second.replace('second', endpoints('10.0.0.2'));
  const told = { first: [] as string[], second: [] as string[] };
  const counted = (name: 'first' | 'second', backend: Balancer): Counted =>
    new Counted(backend, {
      begun: () => told[name].push('begun'),
      received: () => {},
      over: ({ status, error }) => told[name].push(`${status} ${error ?? ''}`),
    });
  const to = failover(
    0,
    { backend: counted('first', first), endpoints: 0 },
    { backend: counted('second', second), endpoints: 0 },
  );
  send(to);
  settle(() => false);
  settle(() => true)
    .get('10.0.0.2')!
    .last.answer();
  expect(told).toEqual({ first: ['begun', '0 connect'], second: ['begun', '200 '] });
});
