import { describe, expect, it } from 'vitest';
import { endpointAt, TestBalancing } from '../testing/balancing.ts';

const addresses = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`);

describe('a service that is in fail-fast', () => {
  it('is left by the first request that comes after it is back, however long nobody asked', () => {
    const world = new TestBalancing();
    world.balancer.replace('web', [endpointAt('10.0.0.1')]);
    const hung = world.send();
    world.clock.advance(3100);
    expect(hung.client.status).toBe(504);
    world.failAll();
    // Nobody asks: nothing is dialled in the background any more.
    for (let i = 0; i < 10; i++) {
      world.clock.advance(10_000);
      world.failAll();
    }
    const first = world.send();
    expect([first.client.status, world.dials.length]).toEqual([504, 1]);
    world.succeed();
    const second = world.send();
    expect(second.client.status).toBeUndefined();
  });
});

describe('an endpoint that takes no new connection while an old one lives on', () => {
  it('fails a request that needs a new one, instead of being dialled for ever', () => {
    const world = new TestBalancing();
    world.balancer.replace('web', [endpointAt('10.0.0.1')]);
    world.send('http2');
    world.succeed();
    const { client } = world.send('http1');
    for (let i = 0; i < 20 && world.dials.length > 0; i++) world.fail();
    expect(client.status).toBe(502);
    expect(world.dialled).toBeLessThan(6);
  });

  it('leaves a request to another endpoint that has a connection for it', () => {
    const world = new TestBalancing();
    world.balancer.replace('web', [endpointAt('10.0.0.1'), endpointAt('10.0.0.2')]);
    world.send('http2');
    world.clock.advance(60);
    const going = world.succeed('10.0.0.1');
    const staying = world.succeed('10.0.0.2');
    going.last?.answer(200, false);
    // GOAWAY: what is under way may end, nothing new is taken.
    going.drain();
    const sent = Array.from({ length: 10 }, () => world.send('http2'));
    world.failAll();
    expect(staying.requests).toBeGreaterThanOrEqual(10);
    expect(sent.every(({ client }) => client.status === undefined)).toBe(true);
    expect(world.balancer.waiting).toBe(0);
  });
});

describe('endpoints that take connections and then say nothing', () => {
  it('do not hold a request for ever, though one dial after the other is under way', () => {
    const world = new TestBalancing();
    world.balancer.replace(
      'web',
      addresses(3).map((address) => endpointAt(address)),
    );
    const { client } = world.send();
    for (let second = 0; second < 120 && client.status === undefined; second++) {
      for (const { dialled } of world.dials) dialled.onUnderWay();
      world.clock.advance(1000);
      if (second % 10 === 9) world.fail();
    }
    expect(client.status).toBe(504);
    expect(world.clock.nowMs()).toBeLessThan(40_000);
  });
});

describe('an opaque connection', () => {
  it('that waits for another to find out whether the endpoint is there fails with it', () => {
    const world = new TestBalancing();
    world.balancer.replace('web', [endpointAt('10.0.0.1')]);
    world.connect();
    world.tcpDials.shift()!.failed('connect timeout');
    world.clock.advance(105);
    const probing = world.connect();
    const waiting = world.connect();
    world.tcpDials.shift()!.failed('connect timeout');
    expect([probing.told, waiting.told]).toEqual([['connect timeout'], ['connect timeout']]);
    expect(world.side.deadlines.armed).toBeLessThanOrEqual(1);
  });

  it('whose client has left is connected to nothing, and is no sign that nothing came in time', () => {
    const world = new TestBalancing();
    const [left, expired] = [world.connect(), world.connect()];
    left.gone = true;
    world.clock.advance(1000);
    world.balancer.replace('web', [endpointAt('10.0.0.1')]);
    expect(world.tcpDials).toHaveLength(1);
    world.tcpDials.shift()!.connected();
    expect([left.told, expired.told]).toEqual([[], ['connected']]);
    world.balancer.replace('web', []);
    world.connect().gone = true;
    world.clock.advance(3100);
    expect([world.balancer.isHopeless, world.balancer.waiting]).toEqual([false, 0]);
  });

  it('keeps its time while endpoints come and go', () => {
    const world = new TestBalancing();
    const { told } = world.connect();
    for (let i = 0; i < 10; i++) {
      world.balancer.replace('web', [endpointAt('10.0.0.1')]);
      world.balancer.replace('web', []);
      for (const dial of world.tcpDials.splice(0)) dial.failed('connect');
      world.clock.advance(1000);
    }
    expect(told).toHaveLength(1);
  });
});

it('a request whose endpoint takes no new connections, and is busy with those that it has, goes to another that is ready', () => {
  const world = new TestBalancing();
  world.balancer.replace('web', [endpointAt('10.0.0.1'), endpointAt('10.0.0.2')]);
  world.send('http1');
  world.send('http1');
  const [busy, other] = [world.succeed('10.0.0.1'), world.succeed('10.0.0.2')];
  for (const connection of [busy, other]) connection.available = false;
  const { client } = world.send('http1');
  const [{ address, dialled }] = world.dials.splice(0);
  dialled.onDialFailed('connect timeout', 'it said nothing');
  expect(client.status).toBeUndefined();
  expect(world.dials.map((dial) => dial.address)).toEqual([address === '10.0.0.1' ? '10.0.0.2' : '10.0.0.1']);
  world.succeed().last.answer();
  expect(client.status).toBe(200);
});

it('dials that fail together put off the next one by as much as a single one', () => {
  const world = new TestBalancing();
  world.balancer.replace('web', [endpointAt('10.0.0.1')]);
  world.send();
  for (let i = 0; i < 20; i++) world.connect();
  world.fail();
  for (const dial of world.tcpDials.splice(0)) dial.failed('connect');
  world.clock.advance(210);
  expect(world.dials).toHaveLength(1);
});
