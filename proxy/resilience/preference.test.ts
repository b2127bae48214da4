import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { Preference, type ReadyCount } from './preference.ts';

/** `2/4 1/1`: how many are ready of each. */
const counts = (text: string): ReadyCount[] =>
  text.split(' ').map((each) => {
    const [ready, total] = each.split('/').map(Number);
    return { ready, total };
  });

const returnMs = 5000;

test.each<[string, number, [atMs: number, counts: string, chosen: number][]]>([
  ['the first is used as long as one endpoint is ready', 0, [[0, '1/9 3/3', 0]]],
  ['the next is used at once when none is', 0, [[0, '0/9 3/3', 1]]],
  ['one without any endpoints is passed over', 0, [[0, '0/0 0/1 1/1', 2]]],
  ['a share at the minimum is enough', 0.5, [[0, '2/4 3/3', 0]]],
  ['a share below the minimum is not', 0.5, [[0, '1/4 3/3', 1]]],
  ['three of thirty are a tenth', 0.1, [[0, '3/30 3/3', 0]]],
  ['all must be ready where the minimum is all', 1, [[0, '3/4 3/3', 1]]],
  [
    'it comes back when the first has been well for the whole time',
    0,
    [
      [0, '0/1 1/1', 1],
      [1000, '1/1 1/1', 1],
      [5999, '1/1 1/1', 1],
      [6000, '1/1 1/1', 0],
    ],
  ],
  [
    'the time begins anew when it fails meanwhile',
    0,
    [
      [0, '0/1 1/1', 1],
      [1000, '1/1 1/1', 1],
      [4000, '0/1 1/1', 1],
      [5000, '1/1 1/1', 1],
      [9999, '1/1 1/1', 1],
      [10_000, '1/1 1/1', 0],
    ],
  ],
  [
    'it comes back at once when the one in use fails',
    0,
    [
      [0, '0/1 1/1', 1],
      [1000, '1/1 1/1', 1],
      [1001, '1/1 0/1', 0],
    ],
  ],
  [
    'it comes back to the first of those that are preferred',
    0,
    [
      [0, '0/1 0/1 1/1', 2],
      [1000, '1/1 1/1 1/1', 2],
      [6000, '1/1 1/1 1/1', 0],
    ],
  ],
  ['of those below the minimum the one with the greatest share is used', 0.8, [[0, '1/4 2/4 1/3', 1]]],
  ['of equal shares the first', 0.8, [[0, '0/4 1/4 2/8', 1]]],
  ['where nothing is ready anywhere it is the first', 0.5, [[0, '0/4 0/4', 0]]],
  [
    'among those below the minimum it moves once in the time',
    0.8,
    [
      [0, '1/4 2/4', 1],
      [1000, '3/4 2/4', 1],
      [4999, '3/4 2/4', 1],
      [5000, '3/4 2/4', 0],
    ],
  ],
  [
    'and at once when the one in use has none left',
    0.8,
    [
      [0, '1/4 2/4', 1],
      [1000, '1/4 0/4', 0],
    ],
  ],
])('%s', (_name, minShare, steps) => {
  const preference = new Preference(counts(steps[0][1]).length, minShare, returnMs);
  const chosen = steps.map(([atMs, text]) => preference.choose(counts(text), atMs));
  expect(chosen).toEqual(steps.map(([, , expected]) => expected));
});

it('never chooses one without a ready endpoint while another has one, and comes back once in the time at most', () => {
  const count = fc.record({ ready: fc.nat(4), missing: fc.nat(4) }).map(({ ready, missing }) => ({
    ready,
    total: ready + missing,
  }));
  const step = fc.record({ afterMs: fc.nat(2000), counts: fc.tuple(count, count, count) });
  fc.assert(
    fc.property(fc.constantFrom(0, 0.3, 0.5, 1), fc.array(step, { maxLength: 200 }), (minShare, steps) => {
      const preference = new Preference(3, minShare, returnMs);
      const isEnough = ({ ready, total }: ReadyCount) => ready > 0 && ready >= minShare * total;
      let nowMs = 0;
      let lastMovedMs = Number.NEGATIVE_INFINITY;
      for (const { afterMs, counts: now } of steps) {
        nowMs += afterMs;
        const before = preference.current;
        const chosen = preference.choose(now, nowMs);
        if (now.some(({ ready }) => ready > 0)) expect(now[chosen].ready).toBeGreaterThan(0);
        else expect(chosen).toBe(0);
        if (now.some(isEnough)) expect(isEnough(now[chosen])).toBe(true);
        if (chosen === before) continue;
        if (chosen < before && isEnough(now[before])) expect(nowMs - lastMovedMs).toBeGreaterThanOrEqual(returnMs);
        lastMovedMs = nowMs;
      }
    }),
  );
});
