import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, it } from 'vitest';
import { HttpRoute_FilterSchema } from '../../api/gen/outbound_pb.js';
import type { Attempt } from '../exchange/attempt.ts';
import { startOver } from '../exchange/attempt-routing.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { Sender } from '../exchange/plan.ts';
import { plainPlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { Filters } from '../filter/filter.ts';
import { HeaderModifier } from '../filter/header-modifier.ts';
import { mirrorsFromApi } from '../filter/mirrors-from-api.ts';
import type { Ratio } from '../filter/ratio.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, TestConnection, testSide } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { ErrorCode } from '../wire/stream.ts';
import type { Backend } from './backend.ts';
import { Mirror, Mirrored, MirroredWhenSent, type MirrorOutcome } from './mirror.ts';

let clock: FakeClock;
let side: ExchangeSide;
let main: TestConnection;
let other: TestConnection;
let finished: Exchange[];
let counts: Map<MirrorOutcome, { value: number }>;
let copies: MetricsRegistry;
let mirror: Mirror;
const startOn = (connection: () => TestConnection): Backend => ({
  isAvailable: true,
  send: (attempt) => void attempt.start(connection(), 0),
});
const bytes = (text: string) => Buffer.from(text);
const outcomes = () => Object.fromEntries([...counts].map(([outcome, { value }]) => [outcome, value]));

beforeEach(() => {
  finished = [];
  clock = new FakeClock();
  side = testSide([{ onFinish: (exchange) => finished.push(exchange) }], clock);
  main = new TestConnection();
  other = new TestConnection();
  mirrorTo(startOn(() => other));
});

function mirrorTo(sender: Sender, ratio?: Ratio): void {
  counts = new Map();
  copies = new MetricsRegistry(() => clock.nowMs());
  const family = copies.counter('copies', 'Copies.');
  mirror = new Mirror(sender, ratio, (outcome) => {
    const count = family.count({ outcome });
    counts.set(outcome, count);
    return count;
  });
}

function begun(options: Parameters<typeof exchangeOf>[1] = {}, filters?: Filters) {
  const made = exchangeOf(side, options);
  const sender = new Mirrored(
    startOn(() => main),
    [mirror],
  );
  made.exchange.begin({ ...plainPlan(sender), filters });
  return made;
}

it('a copy goes to the other backend as the request goes on, and its answer goes nowhere', () => {
  const filters = new Filters([], [new HeaderModifier([{ name: 'x', value: '1' }], [], [])], []);
  const { client } = begun({}, filters);
  expect(other.last.head).toEqual(main.last.head);
  expect(other.last.ended).toBe(true);
  other.last.answer(500);
  expect(client.heads).toEqual([]);
  main.last.answer(200);
  expect([client.status, finished.length, outcomes()]).toEqual([200, 1, { answered: 1 }]);
  expect(side.deadlines.armed).toBe(0);
});

it('a body goes to both, what came before and what comes, byte for byte and with its trailers', () => {
  const { exchange } = exchangeOf(side, { end: false });
  exchange.onData(bytes('one '), false);
  const sender = new Mirrored(
    startOn(() => main),
    [mirror],
  );
  exchange.begin(plainPlan(sender));
  exchange.onData(bytes('two '), false);
  exchange.onData(bytes('three'), false);
  exchange.onTrailers([new Field('x', '1')]);
  expect([main.last.body, other.last.body]).toEqual(['one two three', 'one two three']);
  expect([main.last.ended, other.last.ended]).toEqual([true, true]);
});

it('the bytes of its answer are taken, whatever its length', () => {
  begun();
  other.last.answer(200, false);
  other.last.handler.onData(bytes('x'.repeat(1000)), false);
  expect(other.last.credited).toBe(1000);
});

it('what becomes of a copy is not noticed by the request', () => {
  mirrorTo({ send: (attempt) => attempt.fail(failures.connect) });
  const { client } = begun({ end: false });
  main.last.answer();
  expect([client.status, outcomes()]).toEqual([200, { failed: 1 }]);
});

it('a second try is not copied again', () => {
  begun();
  main.last.refuse();
  expect([main.requests, other.requests]).toEqual([2, 1]);
});

it('by a backend what it has is copied, its body with it, and not what it could not send on', () => {
  const waiting: Attempt[] = [];
  const lost = new MirroredWhenSent({ isAvailable: true, send: (attempt) => void waiting.push(attempt) }, [mirror]);
  const { exchange } = exchangeOf(side, { end: false });
  exchange.begin(plainPlan(lost));
  exchange.onData(bytes('one '), false);
  expect(other.requests).toBe(0);
  const found = new MirroredWhenSent(
    startOn(() => main),
    [mirror],
  );
  startOver(waiting[0], 'failfast');
  found.send(waiting[0]);
  exchange.onData(bytes('two'), true);
  expect([main.last.body, other.last.body, other.last.ended]).toEqual(['one two', 'one two', true]);
  main.last.refuse();
  expect([main.requests, other.requests]).toEqual([1, 1]);
});

it('by a backend a retry is copied where nothing was sent before it, and no other', () => {
  const found = new MirroredWhenSent(
    startOn(() => main),
    [mirror],
  );
  const { exchange } = exchangeOf(side);
  exchange.begin(plainPlan({ send: () => {} }));
  exchange.again(found, undefined);
  exchange.again(found, undefined);
  expect([main.requests, other.requests]).toEqual([2, 1]);
});

it('a copy whose backend refuses it is tried again by itself', () => {
  begun();
  other.last.refuse();
  expect([main.requests, other.requests]).toEqual([1, 2]);
});

it('a client is given credit by its own request alone', () => {
  const { exchange, client } = begun({ end: false });
  exchange.onData(bytes('12345'), true);
  exchange.attempt!.onSent(5);
  other.last.handler.onSent(5);
  expect(client.credited).toBe(5);
});

it('a copy that falls too far behind is given up, and the request goes on', () => {
  const { exchange, client } = begun({ end: false });
  const chunk = Buffer.alloc(64 * 1024);
  for (let i = 0; i < 4; i++) exchange.onData(chunk, false);
  expect(mirror.usedBytes).toBe(4 * chunk.length);
  exchange.onData(chunk, true);
  expect(other.last.resets).toEqual([ErrorCode.cancel]);
  expect([main.last.body.length, main.last.ended]).toEqual([5 * chunk.length, true]);
  main.last.answer();
  expect([client.status, outcomes(), mirror.usedBytes]).toEqual([200, { 'too large': 1 }, 0]);
});

it('one that keeps up is not, however long it is', () => {
  const { exchange } = begun({ end: false });
  for (let i = 0; i < 20; i++) {
    exchange.onData(Buffer.alloc(64 * 1024), i === 19);
    other.last.handler.onSent(64 * 1024);
  }
  expect([other.last.body.length, other.last.ended, mirror.usedBytes]).toEqual([20 * 64 * 1024, true, 0]);
});

it('without a connection a copy keeps no more than that either', () => {
  mirrorTo({ send: () => {} });
  const { exchange } = begun({ end: false });
  for (let i = 0; i < 5; i++) exchange.onData(Buffer.alloc(64 * 1024), false);
  expect([outcomes(), mirror.usedBytes]).toEqual([{ 'too large': 1 }, 0]);
});

it('a copy that is not answered is given up after a while', () => {
  begun();
  main.last.answer();
  clock.advance(31_000);
  expect([outcomes(), other.last.resets, side.deadlines.armed]).toEqual([{ 'too slow': 1 }, [ErrorCode.cancel], 0]);
});

it('the copy of a body that stays incomplete is given up with it', () => {
  const { exchange } = begun({ end: false });
  exchange.onData(bytes('half'), false);
  exchange.onReset(ErrorCode.cancel, 'gone');
  expect([outcomes(), other.last.resets]).toEqual([{ cut: 1 }, [ErrorCode.cancel]]);
});

it('a copy whose request is over goes on when it has all of it', () => {
  const { exchange } = begun({ end: false });
  exchange.onData(bytes('all'), true);
  exchange.onReset(ErrorCode.cancel, 'gone');
  expect(other.last.resets).toEqual([]);
  other.last.answer();
  expect(outcomes()).toEqual({ answered: 1 });
});

it('a copy that ends after policy has changed is counted, and its counter held no longer', () => {
  begun();
  begun();
  mirror.release(clock.nowMs());
  other.last.answer(200);
  clock.advance(10_000);
  other.upstreams[0].answer(200);
  const told = () => [...copies.pieces()].join('').includes('copies{outcome="answered"} 2\n');
  clock.advance(599_000);
  expect(told()).toBe(true);
  clock.advance(2000);
  expect(told()).toBe(false);
});

it('of a share, that many are copied', () => {
  let at = 0;
  side = { ...side, clock: Object.assign(clock, { random: () => (at += 0.01) }) };
  mirrorTo(
    startOn(() => other),
    { numerator: 10, denominator: 100 },
  );
  for (let i = 0; i < 99; i++) begun();
  expect(other.requests).toBe(9);
});

it('copies that are not answered do not become more and more', () => {
  for (let i = 0; i < 1100; i++) begun();
  expect([main.requests, other.requests, outcomes()]).toEqual([1100, 1000, { 'too many': 100 }]);
});

it('tunnels are not copied', () => {
  begun({ head: { method: 'CONNECT', path: '' } });
  begun({ head: { upgrade: 'websocket' } });
  expect([main.requests, other.requests]).toEqual([2, 0]);
});

it('a copy says how often it has come by, so that it goes in no circle', () => {
  const fields = [new Field('l5d-hops', '3')];
  let hops: string | undefined;
  mirrorTo({
    send: ({ exchange }) => {
      hops = exchange.head.fields[0]?.value;
    },
  });
  begun({ head: { fields, marks: marksOfAll(fields) } });
  expect(hops).toBe('3');
});

it('mirrors are read, and one that cannot hold is left out and told of', () => {
  const unread: string[] = [];
  const filters = [
    { backend: { kind: {} }, ratio: { numerator: 1, denominator: 2 } },
    {},
    { backend: {}, ratio: {} },
  ].map((value) => create(HttpRoute_FilterSchema, { kind: { case: 'requestMirror', value: value as object } }));
  const read = mirrorsFromApi(filters, (why) => unread.push(why));
  expect(read.map(({ ratio }) => ratio)).toEqual([{ numerator: 1, denominator: 2 }]);
  expect(unread).toEqual(['a mirror without a backend', 'a ratio whose denominator is 0']);
});

it('a copy is part of the trace of its request', () => {
  const fields = [new Field('traceparent', '00-1')];
  const trace = { fields, begin: () => trace, isTimed: false, exemplify: () => {} };
  side = testSide([
    {
      onRequest: (exchange) => {
        exchange.trace = trace;
      },
      onFinish: () => {},
    },
  ]);
  begun();
  expect(main.last.extra).toEqual(fields);
  expect(other.last.head.fields).toEqual(fields);
});
