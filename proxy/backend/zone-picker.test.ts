import { describe, expect, it } from 'vitest';
import { makeBreaker } from '../resilience/breaker/make-breaker.ts';
import { endpointAt, TestBalancing } from '../testing/balancing.ts';
import type { TestConnection } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import type { BalancerOptions } from './balancer-options.ts';

const near = ['10.0.0.1', '10.0.0.2'];
const far = ['10.0.1.1', '10.0.1.2', '10.0.1.3', '10.0.1.4'];
const at = (address: string, locality: string) => endpointAt(address, { labels: { zone_locality: locality } });
const both = [...near.map((address) => at(address, 'local')), ...far.map((address) => at(address, 'remote'))];

class World extends TestBalancing {
  readonly at = new Map<string, TestConnection>();
  /** Requests that are still to be sent. */
  private owed = 0;

  constructor(changes: Partial<BalancerOptions> = {}, infos = both) {
    const clock = new FakeClock();
    let state = 1;
    clock.random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    super({ choice: { affinity: undefined, zones: { maxLoad: 2 } }, ...changes }, [], clock);
    this.balancer.replace('web', infos);
  }

  /** All dials come to a connection, but those to addresses that are `shut`. */
  connectAll(shut: readonly string[] = []): void {
    while (this.dials.length > 0) {
      const [{ address }] = this.dials;
      if (shut.includes(address)) this.fail('connect', address);
      else this.at.set(address, this.succeed(address));
    }
  }

  get inFlight(): Record<string, number> {
    return Object.fromEntries([...this.at].map(([address, { upstreams }]) => [address, upstreams.length]));
  }

  /** Sends so many requests in each 50 ms of `ms`, and answers them at the end of those. Returns how many each endpoint has had. */
  run(ms: number, inFlight: number, shut: readonly string[] = []): Map<string, number> {
    const had = new Map<string, number>();
    for (let i = 0; i < ms / 10; i++) {
      for (this.owed += inFlight / 5; this.owed >= 1; this.owed--) this.send();
      this.clock.advance(10);
      this.connectAll(shut);
      if (i % 5 !== 4) continue;
      for (const [address, connection] of this.at) {
        const answered = connection.upstreams.splice(0);
        for (const upstream of answered) upstream.answer();
        had.set(address, (had.get(address) ?? 0) + answered.length);
      }
    }
    return had;
  }
}
const sumOf = (had: ReadonlyMap<string, number>, addresses: readonly string[]): number =>
  addresses.reduce((sum, address) => sum + (had.get(address) ?? 0), 0);

describe('endpoints of the own zone', () => {
  it('get everything while they carry it, and those of others are not even connected to', () => {
    const world = new World();
    const had = world.run(5000, 2);
    expect(sumOf(had, near)).toBeGreaterThan(190);
    expect([...had.keys()].sort()).toEqual(near);
  });

  it('are helped when their load is too high, and are alone again when it is over', () => {
    const world = new World();
    world.run(1000, 2);
    const flooded = world.run(3000, 20);
    expect(sumOf(flooded, far)).toBeGreaterThan(100);
    expect(sumOf(flooded, near)).toBeGreaterThan(100);
    world.run(6000, 1);
    expect(sumOf(world.run(2000, 1), far)).toBe(0);
  });

  it('give way to the others as soon as none of them is there, and have everything back when they are', () => {
    const world = new World();
    world.run(1000, 2);
    for (const address of near) {
      const connection = world.at.get(address)!;
      world.at.delete(address);
      connection.drain();
      const { endpoint } = world.balancer.endpoints.get(`${address}:80`)!;
      endpoint.pool('http2').onClosed(connection);
    }
    const without = world.run(500, 2, near);
    expect(sumOf(without, far)).toBeGreaterThan(10);
    expect(sumOf(without, near)).toBe(0);
    world.run(8000, 2);
    const back = world.run(1000, 2);
    expect(sumOf(back, far)).toBe(0);
    expect(sumOf(back, near)).toBeGreaterThan(20);
  });

  it('are connected to first', () => {
    const world = new World();
    world.send();
    world.send();
    expect(world.dials.map(({ address }) => address).sort()).toEqual(near);
    world.send();
    expect(far).toContain(world.dials[2].address);
  });

  it('that cannot be reached cost no request anything where others can', () => {
    const world = new World();
    const sent = world.send();
    world.connectAll(near);
    world.clock.advance(60);
    world.connectAll(near);
    world.clock.advance(60);
    world.connectAll(near);
    const [connection] = world.at.values();
    connection.last.answer();
    expect(sent.client.status).toBe(200);
    expect([...world.at.keys()].every((address) => far.includes(address))).toBe(true);
  });

  it('that are ejected are as those that are not there', () => {
    const clock = new FakeClock();
    const backOff = { minMs: 60_000, maxMs: 60_000, jitterRatio: 0, honorsHints: false };
    const config = { maxFailures: 2, successRate: undefined, backOff, minReadyEndpoints: 0 };
    const world = new World({ breaker: () => makeBreaker(config, clock.random) });
    world.run(500, 2);
    for (let i = 0; i < 40; i++) {
      world.send();
      world.clock.advance(10);
      world.connectAll();
      for (const [address, { upstreams }] of world.at) {
        for (const upstream of upstreams.splice(0)) upstream.answer(near.includes(address) ? 500 : 200);
      }
    }
    const had = world.run(1000, 2);
    expect(sumOf(had, near)).toBe(0);
    expect(sumOf(had, far)).toBeGreaterThan(20);
  });
});

it('a request that the only endpoint of the zone failed goes to another zone', () => {
  const world = new World({}, [at('10.0.0.1', 'local'), at('10.0.1.1', 'remote')]);
  world.run(200, 1);
  const connection = world.at.get('10.0.0.1')!;
  // The other zone is connected to because the load of this one was too high for a moment.
  world.run(1500, 20);
  world.run(8000, 1);
  const { client } = world.send();
  expect(connection.upstreams).toHaveLength(1);
  connection.upstreams.splice(0)[0].refuse();
  expect(world.inFlight).toEqual({ '10.0.0.1': 0, '10.0.1.1': 1 });
  world.at.get('10.0.1.1')!.last.answer();
  expect(client.status).toBe(200);
});

it('where the zone of this proxy is not known all endpoints are alike', () => {
  const world = new World(
    {},
    [...near, ...far].map((address) => at(address, 'unknown')),
  );
  world.run(1000, 10);
  const had = world.run(3000, 10);
  for (const address of [...near, ...far]) expect(had.get(address)).toBeGreaterThan(40);
});

it('an endpoint that discovery moves to the own zone is one of it from then on', () => {
  const world = new World();
  world.run(1000, 2);
  world.balancer.replace('web', [at(near[0], 'remote'), at(far[0], 'local')]);
  world.run(200, 2);
  const had = world.run(1000, 2);
  expect(sumOf(had, [far[0]])).toBeGreaterThan(20);
  expect(sumOf(had, [near[0]])).toBe(0);
});
