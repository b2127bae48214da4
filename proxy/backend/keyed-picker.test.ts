import { describe, expect, it } from 'vitest';
import { Exchange } from '../exchange/exchange.ts';
import { plainPlan } from '../exchange/plan.ts';
import { makeBreaker } from '../resilience/breaker/make-breaker.ts';
import { endpointAt, TestBalancing } from '../testing/balancing.ts';
import { exchangeOf, requestOf, TestClient, type TestConnection, testOrigin } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field } from '../wire/field.ts';
import { Affine } from './affine.ts';
import type { BalancerOptions } from './balancer-options.ts';
import { namedBy } from './tries/retries.ts';
import { triesOf } from './tries/rule-tries.ts';

/** A clock whose chance is the same in each test, and not always the middle. */
function chancy(seed = 1): FakeClock {
  const clock = new FakeClock();
  let state = seed;
  clock.random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return clock;
}

/** A balancer whose requests have the key that their `x-user` is. */
function keyed(maxLoad?: number, changes: Partial<BalancerOptions> = {}, clock = chancy()): TestBalancing {
  const world = new TestBalancing(
    { choice: { affinity: { key: { kind: 'source' }, maxLoad }, zones: undefined }, ...changes },
    [],
    clock,
  );
  world.sender = new Affine(world.balancer, { kind: 'header', name: 'x-user' });
  return world;
}
const of = (user: string) => ({ fields: [new Field('x-user', user)] });
const send = (world: TestBalancing, user: string): { client: TestClient } => world.send('http2', true, of(user));
const infos = (count: number) => Array.from({ length: count }, (_, i) => endpointAt(`10.0.0.${i + 1}`));

/** Endpoints 10.0.0.1 to `count`, all ready, by their addresses. */
function connected(world: TestBalancing, count: number): Map<string, TestConnection> {
  world.balancer.replace('web', infos(count));
  const warm = world.send();
  world.clock.advance(50 * count);
  const connections = new Map(infos(count).map(({ address }) => [address, world.succeed(address)]));
  for (const { upstreams } of connections.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
  expect(warm.client.status).toBe(200);
  expect(world.balancer.readyCount).toBe(count);
  return connections;
}

/** Sends a request of each user and answers it. Returns where each went. */
function ask(world: TestBalancing, at: Map<string, TestConnection>, users: readonly string[]): Map<string, string> {
  return new Map(
    users.map((user) => {
      send(world, user);
      for (const [address, { upstreams }] of at) {
        const [upstream] = upstreams.splice(0);
        if (upstream === undefined) continue;
        upstream.answer();
        return [user, address];
      }
      throw new Error(`the request of ${user} went nowhere`);
    }),
  );
}
/** Sends a request that is tried once more where it is answered 503. */
function sendRetried(world: TestBalancing, head: Parameters<TestBalancing['send']>[2] = {}): { client: TestClient } {
  const { exchange, client } = exchangeOf(world.side, { version: 'http2', head });
  const rule = {
    ...{ maxRetries: 1, maxRequestBytes: 1000, statuses: [[503, 503]] as const, grpcStatuses: new Set<number>() },
    ...{ tryTimeoutMs: undefined, backOff: { minMs: 1, maxMs: 1, jitter: 0 } },
  };
  const nothing = (): void => {};
  const counts = { request: nothing, success: nothing, limitExceeded: nothing, overflow: nothing };
  const tries = triesOf({
    timeouts: undefined,
    retrying: { rule, budget: undefined, isRetryable: namedBy(rule), counts },
    hedging: undefined,
  });
  exchange.begin({ ...plainPlan(world.sender), tries });
  return { client };
}
const users = Array.from({ length: 60 }, (_, i) => `user-${i}`);

describe('requests with a key', () => {
  it('go to the same endpoint each time, and keys to all endpoints', () => {
    const world = keyed();
    const at = connected(world, 4);
    const first = ask(world, at, users);
    expect(new Set(first.values()).size).toBe(4);
    for (let i = 0; i < 3; i++) expect(ask(world, at, users)).toEqual(first);
  });

  it('go to the same endpoint from every proxy, whichever endpoint that was connected to first', () => {
    const [one, another] = [keyed(), keyed(undefined, {}, chancy(7))];
    const at = connected(one, 5);
    another.balancer.replace('web', infos(5).reverse());
    // Nothing is connected: each of them brings about the connection that it needs, and waits for it.
    const sent = users.slice(0, 20).map((user) => [user, send(another, user)] as const);
    const early = new Map<string, TestConnection>();
    for (let i = 0; another.dials.length > 0 && i < 10; i++) {
      const { address } = another.dials[0];
      early.set(address, another.succeed(address));
    }
    another.clock.advance(60);
    const went = new Map<string, string>();
    for (const [address, { upstreams }] of early) {
      for (const { head } of upstreams) went.set(head.fields[0].value, address);
    }
    expect(went).toEqual(
      ask(
        one,
        at,
        sent.map(([user]) => user),
      ),
    );
  });

  it('go to the next endpoint while theirs cannot be reached, others stay where they are, and they come back', () => {
    const world = keyed();
    const at = connected(world, 4);
    const before = ask(world, at, users);
    const lost = '10.0.0.2';
    world.balancer.endpoints.get(`${lost}:80`)!.state = 'backing off';
    world.balancer.replace('web', infos(4));
    const during = ask(world, at, users);
    for (const user of users) {
      if (before.get(user) === lost) expect(during.get(user)).not.toBe(lost);
      else expect(during.get(user)).toBe(before.get(user));
    }
    expect(new Set(users.filter((user) => before.get(user) === lost).map((user) => during.get(user))).size).toBe(3);
    world.balancer.endpoints.get(`${lost}:80`)!.state = 'ready';
    world.balancer.replace('web', infos(4));
    expect(ask(world, at, users)).toEqual(before);
  });

  it('wait for a connection to theirs for a fifth of a second, and go to another then', () => {
    const world = keyed();
    const at = connected(world, 2);
    // One more has come, which is black: what is connected to it comes to nothing.
    world.balancer.replace('web', infos(3));
    const clients = users.map((user) => send(world, user).client);
    for (const { upstreams } of at.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
    const waiting = clients.filter(({ status }) => status === undefined).length;
    expect(waiting).toBeGreaterThan(5);
    expect(waiting).toBeLessThan(40);
    world.clock.advance(300);
    for (const { upstreams } of at.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
    expect(clients.every(({ status }) => status === 200)).toBe(true);
    expect(world.balancer.waiting).toBe(0);
  });

  it('wait for nothing where too many do', () => {
    const world = keyed(undefined, { queueCapacity: 3 });
    const at = connected(world, 2);
    world.balancer.replace('web', infos(3));
    const clients = users.map((user) => send(world, user).client);
    for (const { upstreams } of at.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
    expect(clients.filter(({ status }) => status === undefined)).toHaveLength(3);
    expect(clients.every(({ status }) => status === undefined || status === 200)).toBe(true);
  });

  it('wait for no connection where the last one failed', () => {
    const world = keyed();
    const at = connected(world, 2);
    world.balancer.replace('web', infos(3));
    const clients = users.map((user) => send(world, user).client);
    world.failAll();
    for (const { upstreams } of at.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
    expect(clients.every(({ status }) => status === 200)).toBe(true);
    const address = ask(world, at, users);
    expect(new Set(address.values()).size).toBe(2);
  });

  it('avoid the endpoint that has failed them', () => {
    const world = keyed();
    const at = connected(world, 3);
    const [[user, home]] = ask(world, at, ['ann']);
    const { client } = sendRetried(world, of(user));
    at.get(home)!.upstreams.splice(0)[0].answer(503);
    world.clock.advance(50);
    expect(at.get(home)!.upstreams).toHaveLength(0);
    for (const { upstreams } of at.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
    expect(client.status).toBe(200);
  });

  it('go on to the next endpoint where theirs has more than its bound of the load', () => {
    const world = keyed(1.25);
    const at = connected(world, 4);
    for (let sent = 1; sent <= 100; sent++) {
      send(world, 'hot');
      const most = Math.max(...[...at.values()].map(({ upstreams }) => upstreams.length));
      expect(most).toBeLessThanOrEqual(Math.ceil((1.25 * sent) / 4));
    }
    expect(Math.max(...[...at.values()].map(({ upstreams }) => upstreams.length))).toBe(32);
    for (const { upstreams } of at.values()) for (const upstream of upstreams.splice(0)) upstream.answer();
    expect(new Set(ask(world, at, ['hot', 'hot', 'hot']).values()).size).toBe(1);
  });

  it('all stay where no bound is set', () => {
    const world = keyed();
    const at = connected(world, 4);
    for (let sent = 1; sent <= 50; sent++) send(world, 'hot');
    expect([...at.values()].map(({ upstreams }) => upstreams.length).sort()).toEqual([0, 0, 0, 50]);
  });
});

it('requests without a key are balanced by load', () => {
  const world = keyed();
  const at = connected(world, 4);
  for (let sent = 1; sent <= 40; sent++) world.send();
  for (const { upstreams } of at.values()) expect(upstreams.length).toBeGreaterThan(5);
});

it('an endpoint that its breaker ejected is probed by its own keys, and has them back when it is well', () => {
  const clock = chancy();
  const backOff = { minMs: 1000, maxMs: 60_000, jitterRatio: 0, honorsHints: false };
  const config = { maxFailures: 3, successRate: undefined, backOff, minReadyEndpoints: 0 };
  const world = keyed(undefined, { breaker: () => makeBreaker(config, clock.random) }, clock);
  const at = connected(world, 3);
  const before = ask(world, at, users);
  const bad = before.get(users[0])!;
  const own = users.filter((user) => before.get(user) === bad);
  for (let i = 0; i < 3; i++) {
    send(world, users[0]);
    at.get(bad)!.upstreams.splice(0)[0].answer(500);
  }
  expect([...ask(world, at, own).values()]).not.toContain(bad);
  clock.advance(1100);
  const others = users.filter((user) => before.get(user) !== bad);
  expect([...ask(world, at, others).values()]).not.toContain(bad);
  expect(ask(world, at, own)).toEqual(new Map(own.map((user) => [user, bad])));
});

it('by source, each client has an endpoint, and who calls by the loopback interface is the pod at whose address it calls', () => {
  const world = keyed();
  const at = connected(world, 4);
  world.sender = new Affine(world.balancer, { kind: 'source' });
  const from = (clientAddress: string, address: string): string => {
    const origin = { ...testOrigin('http2'), clientAddress, address };
    const exchange = new Exchange(world.side, new TestClient(), requestOf(), true, origin, 'http2');
    exchange.begin(plainPlan(world.sender));
    const [home] = [...at].find(([, { upstreams }]) => upstreams.length > 0)!;
    at.get(home)!.upstreams.splice(0)[0].answer();
    return home;
  };
  const clients = Array.from({ length: 30 }, (_, i) => `10.1.0.${i}`);
  const homes = clients.map((client) => from(client, '10.96.0.1'));
  expect(new Set(homes).size).toBe(4);
  expect(clients.map((client) => from(client, '10.96.0.2'))).toEqual(homes);
  expect(clients.map((pod) => from('127.0.0.1', pod))).toEqual(homes);
});

describe('a cookie that is made', () => {
  const key = { kind: 'cookie', name: 'session', made: { ttlS: 3600, path: '/' } } as const;
  const setCookie = ({ heads }: TestClient) => heads[0].fields.filter(({ name }) => name === 'set-cookie');

  it('is given to a client without one, and leads it back to the endpoint that answered it', () => {
    const world = keyed();
    const at = connected(world, 4);
    world.sender = new Affine(world.balancer, key);
    for (let i = 0; i < 20; i++) {
      const { client } = world.send();
      const [home] = [...at].find(([, { upstreams }]) => upstreams.length > 0)!;
      at.get(home)!.upstreams.splice(0)[0].answer();
      const [field] = setCookie(client);
      expect(field.value).toMatch(/^session="[0-9a-f]{32}"; Max-Age=3600; Path=\/; HttpOnly$/);
      expect(field.sensitive).toBe(true);
      const cookie = new Field('cookie', `a=b; ${field.value.slice(0, field.value.indexOf(';'))}`);
      const back = world.send('http2', true, { fields: [cookie] });
      at.get(home)!.upstreams.splice(0)[0].answer();
      expect(setCookie(back.client)).toEqual([]);
    }
  });

  it('leads back to the endpoint that answered, also where that was a second try, or while others could not be reached', () => {
    const world = keyed();
    const at = connected(world, 4);
    world.sender = new Affine(world.balancer, key);
    const lost = world.balancer.endpoints.get('10.0.0.2:80')!;
    const given: (readonly [home: string, cookie: Field])[] = [];
    const answered = (client: TestClient): void => {
      const [home, { upstreams }] = [...at].find(([, { upstreams }]) => upstreams.length > 0)!;
      upstreams.splice(0)[0].answer();
      const [{ value }] = setCookie(client);
      given.push([home, new Field('cookie', value.slice(0, value.indexOf(';')))]);
    };
    for (let i = 0; i < 20; i++) {
      const { client } = sendRetried(world);
      [...at.values()]
        .find(({ upstreams }) => upstreams.length > 0)!
        .upstreams.splice(0)[0]
        .answer(503);
      world.clock.advance(50);
      answered(client);
    }
    lost.state = 'backing off';
    world.balancer.replace('web', infos(4));
    for (let i = 0; i < 20; i++) answered(world.send().client);
    lost.state = 'ready';
    world.balancer.replace('web', infos(4));
    for (const [home, cookie] of given) {
      world.send('http2', true, { fields: [cookie] });
      expect([...at].find(([, { upstreams }]) => upstreams.length > 0)![0]).toBe(home);
      at.get(home)!.upstreams.splice(0)[0].answer();
    }
  });

  it('is kept for the session of its client where it has no time', () => {
    const world = keyed();
    const at = connected(world, 1);
    world.sender = new Affine(world.balancer, { ...key, made: { ttlS: 0, path: undefined } });
    const { client } = world.send();
    at.get('10.0.0.1')!.last.answer();
    expect(setCookie(client)[0].value).toMatch(/^session="[0-9a-f]{32}"; HttpOnly$/);
  });
});
