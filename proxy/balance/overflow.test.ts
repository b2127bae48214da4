import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Overflow } from './overflow.ts';

/** Looks every 10 ms for `ms`, with `inFlight` requests. Returns what it came to, and what it was in between. */
class Watched {
  readonly seen: number[] = [];
  nowMs = 0;
  private readonly overflow: Overflow;
  constructor(maxLoad: number) {
    this.overflow = new Overflow(maxLoad);
  }
  run(ms: number, inFlight: number | ((helping: number) => number), near: number, far: number): number {
    let helping = this.seen.at(-1) ?? 0;
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 10) {
      expect(this.overflow.isDue(this.nowMs)).toBe(true);
      helping = this.overflow.look(this.nowMs, typeof inFlight === 'number' ? inFlight : inFlight(helping), near, far);
      this.seen.push(helping);
    }
    return helping;
  }
}

it.each([
  ['none while the own zone carries its load', 4, 2, 5, 0],
  ['one when it is a little too much', 5, 2, 5, 1],
  ['as many as bring it down to the most', 13, 2, 5, 5],
  ['all that there are when that is not enough', 100, 2, 5, 5],
  ['none where there is no other zone', 100, 2, 0, 0],
  ['all of them where the own zone has none', 0, 0, 5, 5],
])('%s', (_, inFlight, near, far, expected) => {
  expect(new Watched(2).run(5000, inFlight, near, far)).toBe(expected);
});

it('helps within 100 ms where the load is ten times too much, and not for a burst of that time that is half too much', () => {
  const flood = new Watched(2);
  flood.run(500, 0, 2, 10);
  expect(flood.run(100, 40, 2, 10)).toBeGreaterThan(0);
  const burst = new Watched(2);
  burst.run(500, 0, 2, 10);
  burst.run(100, 6, 2, 10);
  expect(burst.run(2000, 0, 2, 10)).toBe(0);
  expect(Math.max(...burst.seen)).toBe(0);
});

it('lets helpers go by halves, a second apart, when the load is over', () => {
  const watched = new Watched(2);
  expect(watched.run(5000, 20, 2, 8)).toBe(8);
  const from = watched.seen.length;
  expect(watched.run(10_000, 0, 2, 8)).toBe(0);
  const changes = watched.seen.slice(from).flatMap((helping, i, all) => (helping === all[i - 1] ? [] : [[helping, i]]));
  expect(changes.map(([helping]) => helping)).toEqual([8, 4, 2, 1, 0]);
  for (let i = 2; i < changes.length; i++) expect(changes[i][1] - changes[i - 1][1]).toBe(100);
});

it('comes to rest under a load that is steady, whatever it is, and whatever was before', () => {
  fc.assert(
    fc.property(
      fc.record({ before: fc.nat(60), load: fc.nat(60), near: fc.integer({ min: 1, max: 6 }), far: fc.nat(12) }),
      ({ before, load, near, far }) => {
        const watched = new Watched(2);
        watched.run(4000, before, near, far);
        const rest = watched.run(10_000, load, near, far);
        const from = watched.seen.length;
        watched.run(5000, load, near, far);
        expect(new Set(watched.seen.slice(from))).toEqual(new Set([rest]));
        if (rest < far) expect(load / (near + rest)).toBeLessThanOrEqual(2.001);
        if (load === 0) expect(rest).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});

it('never has more help than there is, however many come and go', () => {
  const step = fc.record({ ms: fc.nat(3000), inFlight: fc.nat(1000), near: fc.nat(5), far: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const overflow = new Overflow(1);
      let nowMs = 0;
      for (const { ms, inFlight, near, far } of steps) {
        nowMs += ms;
        const helping = overflow.look(nowMs, inFlight, near, far);
        expect(helping).toBeGreaterThanOrEqual(0);
        expect(helping).toBeLessThanOrEqual(far);
        if (near === 0) expect(helping).toBe(far);
      }
    }),
  );
});
