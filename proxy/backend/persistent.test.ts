import { describe, expect, it } from 'vitest';
import { hashText } from '../balance/rendezvous.ts';
import { plainPlan } from '../exchange/plan.ts';
import type { SessionKey } from '../model/affinity.ts';
import { RetryBudget } from '../resilience/retry-budget.ts';
import { sessionText } from '../route/session.ts';
import { endpointAt, TestBalancing } from '../testing/balancing.ts';
import { exchangeOf, type TestClient, type TestConnection, testSide } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import { Persistent, SessionSplit } from './persistent.ts';
import { triesOf } from './tries/rule-tries.ts';

const key: SessionKey = { kind: 'session', carrier: { kind: 'header', name: 'x-seat' }, timeoutS: 3600 };
const from = (...numbers: number[]) => numbers.map((n) => endpointAt(`10.0.0.${n}`));

/** A balancer over 10.0.0.1 to `count`, all of which are connected, that keeps sessions. */
function kept(count: number): { world: TestBalancing; at: TestConnection[] } {
  const world = new TestBalancing({ choice: { affinity: { key, maxLoad: undefined }, zones: undefined } });
  world.sender = new Persistent(world.balancer, key, 'shop/web:80');
  const infos = from(...Array.from({ length: count }, (_, i) => i + 1));
  world.balancer.replace('web', infos);
  world.send();
  world.clock.advance(50 * count);
  const at = infos.map(({ address }) => world.succeed(address));
  for (const { upstreams } of at) for (const upstream of upstreams.splice(0)) upstream.answer();
  expect(world.balancer.readyCount).toBe(count);
  return { world, at };
}
const bringing = (seat: string | undefined) => ({ fields: seat === undefined ? [] : [new Field('x-seat', seat)] });
const told = ({ heads }: TestClient): string | undefined =>
  heads[0]?.fields.find(({ name }) => name === 'x-seat')?.value;

/** Sends one and has it answered by whichever endpoint has it: which that was, and what its client was told. */
function ask({ world, at }: ReturnType<typeof kept>, seat?: string, status = 200) {
  const { client, exchange } = world.send('http2', true, bringing(seat));
  const address = exchange.attempt?.endpoint?.info.address;
  for (const { upstreams } of at) for (const upstream of upstreams.splice(0)) upstream.answer(status);
  expect(client.status).toBe(status);
  return { address, told: told(client) };
}

describe('a client', () => {
  it('stays with who has answered it, whoever else comes', () => {
    const all = kept(2);
    const { address, told: seat } = ask(all);
    expect(seat).toBeDefined();
    all.world.balancer.replace('web', from(1, 2, 3, 4, 5, 6, 7, 8));
    for (let i = 0; i < 20; i++) expect(ask(all, seat)).toEqual({ address, told: undefined });
  });

  it('has another where its own is gone, and is told so', () => {
    const all = kept(3);
    const first = ask(all);
    const left = from(1, 2, 3).filter(({ address }) => address !== first.address);
    all.world.balancer.replace('web', left);
    const second = ask(all, first.told);
    expect(left.map(({ address }) => address)).toContain(second.address);
    expect(second.told).toBeDefined();
    expect(ask(all, second.told)).toEqual({ address: second.address, told: undefined });
  });

  it('is waited for by a proxy that knows its endpoint and has no connection to it, for a second', () => {
    const first = kept(3);
    const { address, told: seat } = ask(first);
    const next = new TestBalancing({ choice: { affinity: { key, maxLoad: undefined }, zones: undefined } });
    next.sender = new Persistent(next.balancer, key, 'shop/web:80');
    next.balancer.replace('web', from(1, 2, 3));
    const { client } = next.send('http2', true, bringing(seat));
    next.clock.advance(200);
    const others = from(1, 2, 3).filter((each) => each.address !== address);
    const connections = others.map((other) => next.succeed(other.address));
    next.clock.advance(600);
    expect(connections.flatMap(({ upstreams }) => upstreams)).toEqual([]);
    next.succeed(address).upstreams[0].answer();
    expect([client.status, told(client)]).toEqual([200, undefined]);
  });

  it('stays where it is when another was asked too, since its own was slow for once, and answered first', () => {
    const all = kept(2);
    const { address, told: seat } = ask(all);
    const counts = { request() {}, win() {}, overflow() {} };
    const budget = new RetryBudget({ ratio: 1, minPerSecond: 10, ttlMs: 10_000 });
    const rule = { afterMs: 50, limit: 1, budgetRatio: 1 };
    const tries = triesOf({
      timeouts: undefined,
      retrying: undefined,
      hedging: { rule, budget, counts, isRetryable: () => false },
    });
    const { client, exchange } = exchangeOf(all.world.side, { version: 'http2', head: bringing(seat) });
    exchange.begin({ ...plainPlan(all.world.sender), tries });
    expect(exchange.attempt?.endpoint?.info.address).toBe(address);
    all.world.clock.advance(70);
    expect(exchange.attempt?.endpoint?.info.address).not.toBe(address);
    const upstreams = all.at.flatMap(({ upstreams }) => upstreams.splice(0));
    expect(upstreams).toHaveLength(2);
    upstreams[address === '10.0.0.1' ? 1 : 0].answer();
    expect([client.status, told(client)]).toEqual([200, undefined]);
    expect(ask(all, seat).address).toBe(address);
  });

  it('is not to stay with who has failed it, and is given a new session when its own is over', () => {
    const all = kept(1);
    expect(ask(all, undefined, 503).told).toBeUndefined();
    const { told: seat } = ask(all);
    all.world.clock.advance(3_500_000);
    expect(ask(all, seat).told).toBeUndefined();
    all.world.clock.advance(101_000);
    const { told: next } = ask(all, seat);
    expect([next === undefined, next === seat]).toEqual([false, false]);
    expect(ask(all, next).told).toBeUndefined();
  });
});

it('a split has a session at its backend, unless that fails everything at once, and others elsewhere', () => {
  const sent: string[] = [];
  const available = new Map([
    ['a', true],
    ['b', true],
  ]);
  const backend = (name: string) => ({
    name,
    backend: {
      get isAvailable() {
        return available.get(name)!;
      },
      send: () => void sent.push(name),
    },
  });
  const [a, b] = [backend('a'), backend('b')];
  const split = new SessionSplit([a, b], b.backend, { ...key, timeoutS: undefined });
  const send = (seat?: string): string => {
    const { exchange } = exchangeOf(testSide(), { head: bringing(seat) });
    exchange.begin({ ...plainPlan(split) });
    return sent.at(-1)!;
  };
  const seatAt = (name: string): string => sessionText({ backend: hashText(name), endpoint: 1, endS: undefined });
  for (let i = 0; i < 20; i++) expect([send(seatAt('a')), send(seatAt('b'))]).toEqual(['a', 'b']);
  expect(new Set(Array.from({ length: 20 }, () => send()))).toEqual(new Set(['b']));
  expect(send(seatAt('gone'))).toBe('b');
  available.set('a', false);
  expect(send(seatAt('a'))).toBe('b');
});
