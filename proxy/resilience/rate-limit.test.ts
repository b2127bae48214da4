import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Limit, Meter } from './rate-limit.ts';

/** Asks at each of the times, and returns those at which a request passed. */
function passed(meter: Meter, limit: Limit, timesMs: readonly number[]): number[] {
  return timesMs.filter((nowMs) => {
    const waitMs = meter.waitMs(limit, nowMs);
    if (waitMs === 0) meter.take(limit, nowMs);
    return waitMs === 0;
  });
}

const limits = fc.record({
  perSecond: fc.oneof(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.double({ min: 0.1, max: 100, noNaN: true })),
  burst: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.double({ min: 1, max: 50, noNaN: true })),
});
const gaps = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3000, noNaN: true })), { maxLength: 120 });
const timesOf = (startMs: number, list: readonly number[]): number[] => {
  let nowMs = startMs;
  return list.map((gap) => (nowMs += gap));
};

test('in no span of time do more pass than its length and the burst allow', () => {
  fc.assert(
    fc.property(limits, gaps, fc.integer({ min: 0, max: 10 ** 10 }), (limit, list, startMs) => {
      const times = passed(new Meter(), limit, timesOf(startMs, list));
      for (let first = 0; first < times.length; first++) {
        for (let last = first; last < times.length; last++) {
          const allowed = limit.burst + ((times[last] - times[first]) / 1000) * limit.perSecond;
          expect(last - first + 1).toBeLessThanOrEqual(allowed + 1e-3);
        }
      }
    }),
  );
});

test('as many as allowed do pass: a whole burst at once, and then one each time that one is due', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 200 }), (perSecond, burst) => {
      const meter = new Meter();
      const limit = { perSecond, burst };
      expect(passed(meter, limit, Array<number>(burst + 5).fill(7)).length).toBe(burst);
      const due = Array.from({ length: 300 }, (_, i) => 7 + ((i + 1) * 1000) / perSecond);
      expect(passed(meter, limit, due)).toEqual(due);
    }),
  );
});

test('who waits as long as it says passes, and who comes before does not', () => {
  fc.assert(
    fc.property(limits, gaps, (limit, list) => {
      const meter = new Meter();
      const times = timesOf(0, list);
      passed(meter, limit, times);
      const nowMs = times.at(-1) ?? 0;
      const waitMs = meter.waitMs(limit, nowMs);
      if (waitMs > 0.01) expect(meter.waitMs(limit, nowMs + waitMs / 2)).toBeGreaterThan(0);
      expect(meter.waitMs(limit, nowMs + waitMs)).toBe(0);
    }),
  );
});

test('another limit does not fill it again, and has nobody wait longer than its own burst takes', () => {
  const meter = new Meter();
  const many = { perSecond: 1000, burst: 1000 };
  const few = { perSecond: 1, burst: 1 };
  expect(passed(meter, many, Array<number>(1000).fill(0)).length).toBe(1000);
  expect(meter.waitMs(few, 0)).toBe(1000);
  expect(passed(meter, { perSecond: 1000, burst: 1500 }, Array<number>(1000).fill(0)).length).toBe(500);
  expect(meter.waitMs(few, 0)).toBe(1000);
});

test('it is whole again once all that has passed is forgotten', () => {
  const meter = new Meter();
  const limit = { perSecond: 2, burst: 4 };
  expect(meter.isWhole(limit, 5)).toBe(true);
  expect(passed(meter, limit, [5, 5, 5, 5]).length).toBe(4);
  expect([5, 2004, 2005].map((nowMs) => meter.isWhole(limit, nowMs))).toEqual([false, false, true]);
});
