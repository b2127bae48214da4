import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  type ObserveRequest_MatchSchema,
  ObserveRequestSchema,
  type TapEvent,
  TapEventSchema,
} from '../../api/gen/tap_pb.js';
import { TapBodies, TapBody_Side, TapBody_State } from '../../api/gen/tulle_pb.js';
import { tellRefused } from '../exchange/observers.ts';
import { fail } from '../exchange/own-answer.ts';
import { plainPlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import { exchangeOf, requestOf, TestConnection, testOrigin, testSide } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { ErrorCode } from '../wire/stream.ts';
import { readTapRequest, Taps } from './taps.ts';

type Match = MessageInitShape<typeof ObserveRequest_MatchSchema>;
const all: Match = { match: { case: 'all', value: { matches: [] } } };
const failed: Match = {
  match: { case: 'more', value: { match: { case: 'status', value: { min: 500, max: 599 } } } },
};

/** A side of the proxy with a tap on it, and what that tells. */
interface Options {
  readonly part?: number;
  readonly takes?: () => boolean;
  readonly bodyBytes?: number;
  readonly bodiesAllowed?: boolean;
  /** Bytes of bodies that may be held. */
  readonly room?: number;
}

function tapped(match: Match, options: Options = {}) {
  const { part = 1, takes = () => true, bodyBytes = 0, bodiesAllowed = true, room = 1_000_000 } = options;
  const clock = new FakeClock();
  const side = testSide([], clock);
  const events: TapEvent[] = [];
  const bytes = toBinary(
    ObserveRequestSchema,
    create(ObserveRequestSchema, {
      ...{ limit: 100, match, bodyBytes },
      options: { sample: { numerator: part * 100, denominator: 100 } },
    }),
  );
  const held = new KeptBytes(room);
  let short = 0;
  const bodies = { allowed: bodiesAllowed, room: held, onNoRoom: () => short++ };
  const tapping = new Taps(clock, [side], bodies).begin(readTapRequest(bytes), ({ event }) => {
    if (!takes()) return false;
    events.push(fromBinary(TapEventSchema, event));
    return true;
  });
  const connection = new TestConnection();
  const plan = plainPlan({ send: (attempt) => void attempt.start(connection, clock.nowMs()) });
  const told = () => events.map(({ event }) => (event.case === 'http' ? event.value.event.case : 'nothing'));
  const toldBodies = () =>
    events.flatMap(({ event }) => {
      const what = event.value?.event;
      if (what?.case !== 'body') return [];
      const { side: of, data, length, state } = what.value;
      return [[TapBody_Side[of], Buffer.from(data).toString('latin1'), Number(length), TapBody_State[state]]];
    });
  return { side, clock, tapping, connection, plan, told, events, toldBodies, held, short: () => short };
}

describe('a tap', () => {
  it('tells a request when it is sent, its answer as it comes', () => {
    const { side, connection, plan, told } = tapped(all);
    const { exchange } = exchangeOf(side);
    exchange.begin(plan);
    expect(told()).toEqual(['requestInit']);
    connection.last.answer(200, false);
    expect(told()).toEqual(['requestInit', 'responseInit']);
    connection.last.handler.onData(Buffer.from('abc'), true);
    expect(told()).toEqual(['requestInit', 'responseInit', 'responseEnd']);
  });

  it('that asks for statuses tells nothing of a request before it knows', () => {
    const { side, connection, plan, told } = tapped(failed);
    exchangeOf(side).exchange.begin(plan);
    connection.last.answer(200);
    expect(told()).toEqual([]);
    exchangeOf(side).exchange.begin(plan);
    expect(told()).toEqual([]);
    connection.last.answer(503);
    expect(told()).toEqual(['requestInit', 'responseInit', 'responseEnd']);
  });

  it('tells of what the proxy failed before it was sent anywhere', () => {
    for (const match of [all, failed]) {
      const { side, told, events } = tapped(match);
      fail(exchangeOf(side).exchange, failures.failfast);
      expect(told()).toEqual(['requestInit', 'responseInit', 'responseEnd']);
      const { event } = events[2];
      expect(event.value?.event.value).toMatchObject({ outcome: { tries: 0, failure: 'failfast' } });
    }
  });

  it('throws once for each request whether it is among those that are told', () => {
    for (const match of [all, failed]) {
      const { side, connection, plan, told, clock } = tapped(match, { part: 0.5 });
      const thrown: number[] = [];
      clock.random = () => {
        thrown.push(0.9);
        return 0.9;
      };
      exchangeOf(side).exchange.begin(plan);
      connection.last.answer(503);
      expect([thrown.length, told()]).toEqual([1, []]);
    }
  });

  it('tells no more of a request whose first event was not taken', () => {
    let takes = false;
    const { side, connection, plan, told } = tapped(all, { takes: () => takes });
    exchangeOf(side).exchange.begin(plan);
    takes = true;
    connection.last.answer(200);
    expect(told()).toEqual([]);
  });

  it('that takes no further requests tells those that it has begun to their end, and one that is closed nothing', () => {
    const { side, connection, plan, told, tapping } = tapped(all);
    exchangeOf(side).exchange.begin(plan);
    const first = connection.last;
    tapping.stopTaking();
    expect(side.observers).toEqual([]);
    exchangeOf(side).exchange.begin(plan);
    connection.last.answer();
    first.answer();
    expect(told()).toEqual(['requestInit', 'responseInit', 'responseEnd']);
    tapping.close();
  });

  it('leaves nothing behind: without one, requests have the observers that they had', () => {
    const { side, tapping, connection, plan, told } = tapped(all);
    exchangeOf(side).exchange.begin(plan);
    tapping.close();
    connection.last.answer();
    expect([side.observers, told()]).toEqual([[], ['requestInit']]);
  });

  it('tells of what was refused before it was anything', () => {
    const { side, told } = tapped(failed);
    tellRefused(side.observers, testOrigin('http1'), requestOf(), failures.unauthorized, undefined);
    expect(told()).toEqual([]);
    tellRefused(side.observers, testOrigin('http1'), requestOf(), failures.loadShed, undefined);
    expect(told()).toEqual(['requestInit', 'responseInit', 'responseEnd']);
  });
});

describe('bodies', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1');
  /** A request with a body, sent, of which nothing has come yet. */
  function posted(match: Match, options: Options, contentType = 'text/plain') {
    const tap = tapped(match, { bodyBytes: 10, ...options });
    const fields = [new Field('content-type', contentType)];
    const { exchange } = exchangeOf(tap.side, {
      end: false,
      head: { method: 'POST', fields, marks: marksOfAll(fields) },
    });
    exchange.begin(tap.plan);
    return { ...tap, exchange, upstream: tap.connection.last };
  }
  const json = [new Field('content-type', 'application/json')];

  it('are told once each, as soon as enough or all of them has come, before the end', () => {
    const { exchange, upstream, told, toldBodies, held } = posted(all, {});
    exchange.onData(bytes('abcdef'), false);
    expect(told()).toEqual(['requestInit']);
    exchange.onData(bytes('ghijklm'), false);
    exchange.onData(bytes('nop'), true);
    upstream.answer(200, false, json);
    upstream.handler.onData(bytes('{}'), true);
    expect(told()).toEqual(['requestInit', 'body', 'responseInit', 'body', 'responseEnd']);
    expect(toldBodies()).toEqual([
      ['REQUEST', 'abcdefghij', 13, 'CUT'],
      ['RESPONSE', '{}', 2, 'COMPLETE'],
    ]);
    expect([held.used, upstream.body]).toEqual([0, 'abcdefghijklmnop']);
  });

  it.each([
    ['abcdefghij', 'COMPLETE'],
    ['abcdefghijk', 'CUT'],
  ])('that come at once are whole where they are no longer than what is told: %s', (text, state) => {
    const { exchange, toldBodies } = posted(all, {});
    exchange.onData(bytes(text), true);
    expect(toldBodies()).toEqual([['REQUEST', 'abcdefghij', text.length, state]]);
  });

  it('that came before the request was sent are told with it', () => {
    const tap = tapped(all, { bodyBytes: 10 });
    const { exchange } = exchangeOf(tap.side, { end: false });
    exchange.onData(bytes('early'), true);
    exchange.begin(tap.plan);
    expect([tap.told(), tap.toldBodies()]).toEqual([['requestInit', 'body'], [['REQUEST', 'early', 5, 'COMPLETE']]]);
  });

  it('that end before their end are told as far as they came', () => {
    const { exchange, upstream, toldBodies } = posted(all, {});
    exchange.onData(bytes('abc'), false);
    upstream.answer(200, false, json);
    upstream.handler.onData(bytes('{"a"'), false);
    exchange.onReset(ErrorCode.cancel, 'gone');
    expect(toldBodies()).toEqual([
      ['REQUEST', 'abc', 3, 'BROKEN'],
      ['RESPONSE', '{"a"', 4, 'BROKEN'],
    ]);
  });

  it('that trailers follow, and those of no bytes: the former are whole, the latter nothing', () => {
    const { exchange, upstream, toldBodies } = posted(all, {});
    exchange.onTrailers([]);
    upstream.answer(200, false, json);
    upstream.handler.onData(bytes('ab'), false);
    upstream.handler.onTrailers([]);
    expect(toldBodies()).toEqual([['RESPONSE', 'ab', 2, 'COMPLETE']]);
  });

  it.each(['image/png', 'application/octet-stream', 'Video/mp4; x=y', 'application/zip'])(
    'of a content type that nobody reads, %s, are told by their size',
    (type) => {
      const { exchange, toldBodies, held } = posted(all, {}, type);
      exchange.onData(bytes('x'.repeat(100)), false);
      expect(held.used).toBe(0);
      exchange.onData(bytes('x'.repeat(100)), true);
      expect(toldBodies()).toEqual([['REQUEST', '', 200, 'COMPLETE']]);
    },
  );

  it('are not told where the workload does not let them be seen, which is said, nor where nobody asked', () => {
    for (const [options, said] of [
      [{ bodiesAllowed: false }, TapBodies.NOT_ALLOWED],
      [{ bodyBytes: 0 }, TapBodies.UNKNOWN],
      [{}, TapBodies.TOLD],
    ] as const) {
      const { exchange, events, toldBodies } = posted(all, options);
      exchange.onData(bytes('abc'), true);
      expect(events[0].bodies).toBe(said);
      expect(toldBodies()).toHaveLength(said === TapBodies.TOLD ? 1 : 0);
    }
  });

  it('of all taps hold no more than there is room for: of others there is told what found some', () => {
    const { exchange, side, plan, connection, toldBodies, held, short } = posted(all, { bodyBytes: 1000, room: 300 });
    exchange.onData(bytes('a'.repeat(200)), false);
    expect(held.used).toBe(256);
    const other = exchangeOf(side, { end: false }).exchange;
    other.begin(plan);
    other.onData(bytes('b'.repeat(100)), false);
    expect([toldBodies(), short()]).toEqual([[['REQUEST', '', 100, 'NO_ROOM']], 1]);
    exchange.onData(bytes('a'.repeat(200)), false);
    expect(toldBodies()[1]).toEqual(['REQUEST', 'a'.repeat(200), 400, 'NO_ROOM']);
    expect([held.used, connection.last.body.length]).toEqual([0, 100]);
  });

  it('are held no longer than their tap', () => {
    const { exchange, upstream, tapping, held, toldBodies } = posted(all, { bodyBytes: 1000 });
    exchange.onData(bytes('abc'), false);
    upstream.answer(200, false, json);
    upstream.handler.onData(bytes('def'), false);
    expect(held.used).toBeGreaterThan(0);
    tapping.close();
    exchange.onData(bytes('more'), true);
    upstream.handler.onData(bytes('more'), true);
    expect([held.used, toldBodies()]).toEqual([0, []]);
  });

  it('of requests that are found by their answer: that of the request as far as it is kept until then', () => {
    const small = posted(failed, {});
    small.exchange.onData(bytes('abc'), true);
    small.upstream.answer(503, false, json);
    small.upstream.handler.onData(bytes('no'), true);
    expect(small.told()).toEqual(['requestInit', 'body', 'responseInit', 'body', 'responseEnd']);
    expect(small.toldBodies()[0]).toEqual(['REQUEST', 'abc', 3, 'COMPLETE']);
    const large = posted(failed, {});
    large.exchange.onData(bytes('x'.repeat(70_000)), true);
    large.upstream.answer(503);
    expect(large.toldBodies()).toEqual([['REQUEST', '', 70_000, 'PASSED']]);
  });

  it('of requests that are found by their end have passed by then', () => {
    const atEnd: Match = {
      match: { case: 'more', value: { match: { case: 'grpcStatus', value: { min: 3, max: 3 } } } },
    };
    const { exchange, upstream, toldBodies } = posted(atEnd, {}, 'application/grpc');
    exchange.onData(bytes('abc'), true);
    upstream.answer(200, false);
    upstream.handler.onData(bytes('defg'), false);
    upstream.handler.onTrailers([new Field('grpc-status', '3')]);
    expect(toldBodies()).toEqual([
      ['REQUEST', '', 3, 'PASSED'],
      ['RESPONSE', '', 4, 'PASSED'],
    ]);
  });

  it('are none where the two sides change to another protocol', () => {
    const tap = tapped(all, { bodyBytes: 10 });
    const { exchange } = exchangeOf(tap.side, { end: false, head: { method: 'CONNECT' } });
    exchange.begin(tap.plan);
    exchange.onData(bytes('abc'), false);
    tap.connection.last.answer(200, false);
    tap.connection.last.handler.onData(bytes('def'), false);
    expect(tap.toldBodies()).toEqual([]);
  });

  it('are asked for in no more than 16 KiB', () => {
    expect(() => tapped(all, { bodyBytes: 16 * 1024 + 1 })).toThrow('body_bytes must be 16384 at most');
  });
});
