import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  type ObserveRequest_MatchSchema,
  ObserveRequestSchema,
  type TapEvent,
  TapEventSchema,
} from '../../api/gen/tap_pb.js';
import { tellRefused } from '../exchange/observers.ts';
import { plainPlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { exchangeOf, requestOf, TestConnection, testOrigin, testSide } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { readTapRequest, Taps } from './taps.ts';

type Match = MessageInitShape<typeof ObserveRequest_MatchSchema>;
const all: Match = { match: { case: 'all', value: { matches: [] } } };
const failed: Match = {
  match: { case: 'more', value: { match: { case: 'status', value: { min: 500, max: 599 } } } },
};

/** A side of the proxy with a tap on it, and what that tells. */
function tapped(match: Match, { part = 1, takes = () => true }: { part?: number; takes?: () => boolean } = {}) {
  const clock = new FakeClock();
  const side = testSide([], clock);
  const events: TapEvent[] = [];
  const bytes = toBinary(
    ObserveRequestSchema,
    create(ObserveRequestSchema, {
      ...{ limit: 100, match },
      options: { sample: { numerator: part * 100, denominator: 100 } },
    }),
  );
  const tapping = new Taps(clock, [side]).begin(readTapRequest(bytes), ({ event }) => {
    if (!takes()) return false;
    events.push(fromBinary(TapEventSchema, event));
    return true;
  });
  const connection = new TestConnection();
  const plan = plainPlan({ send: (attempt) => void attempt.start(connection, clock.nowMs()) });
  const told = () => events.map(({ event }) => (event.case === 'http' ? event.value.event.case : 'nothing'));
  return { side, clock, tapping, connection, plan, told, events };
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
      exchangeOf(side).exchange.fail(failures.failfast);
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
