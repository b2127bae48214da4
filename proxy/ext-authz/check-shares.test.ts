import fc from 'fast-check';
import { beforeEach, expect, it } from 'vitest';
import { CheckShares } from './check-shares.ts';

let shares: CheckShares;
beforeEach(() => {
  shares = new CheckShares();
});

/** Takes as many as there are for a client. Returns how many, and why no more. */
function takeAll(client: string, isMeshed = true, bytes = 100): [taken: number, why: string] {
  for (let taken = 0; ; taken++) {
    const why = shares.take(client, isMeshed, bytes);
    if (why !== undefined) return [taken, why];
  }
}

it('one client of the mesh has three quarters at most, and leaves a share to each that comes after it', () => {
  expect(takeAll('a')).toEqual([750, 'share']);
  expect(takeAll('b')).toEqual([187, 'share']);
  expect(takeAll('c')).toEqual([47, 'share']);
  expect(shares.take('d', true, 100)).toBeUndefined();
});

it('one without an identity has a quarter', () => {
  expect(takeAll('10.0.0.1', false)).toEqual([250, 'share']);
  expect(shares.take('10.0.0.2', false, 100)).toBeUndefined();
});

it('they are shared out by their bytes, too', () => {
  expect(takeAll('a', true, 64 * 1024)).toEqual([192, 'share']);
  expect(shares.take('b', true, 64 * 1024)).toBeUndefined();
  expect(shares.take('a', true, 64 * 1024)).toBe('share');
});

it('what is given back can be taken again, by whomever', () => {
  takeAll('a');
  for (let i = 0; i < 750; i++) shares.giveBack('a', 100);
  expect(shares.checks).toBe(0);
  expect(takeAll('b')).toEqual([750, 'share']);
});

it('where many have them all, one that has none is told that there are too many', () => {
  for (let i = 0; i < 1000; i++) shares.take(`client-${i}`, true, 100);
  expect(shares.checks).toBe(1000);
  expect(shares.take('another', true, 100)).toBe('overload');
  expect(shares.take('client-0', true, 100)).toBe('share');
});

it('there are never more than there may be, and one that has more than another is never given what that is not', () => {
  const step = fc.record({ client: fc.nat(7), bytes: fc.constantFrom(100, 5000, 64 * 1024), gives: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
      shares = new CheckShares();
      const held: number[][] = Array.from({ length: 8 }, () => []);
      for (const { client, bytes, gives } of steps) {
        const own = held[client];
        if (gives === 0 && own.length > 0) shares.giveBack(`${client}`, own.pop()!);
        else if (shares.take(`${client}`, true, bytes) === undefined) own.push(bytes);
        expect(shares.checks).toBe(held.flat().length);
      }
      expect(held.flat().reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(16 * 1024 * 1024);
      expect(shares.checks).toBeLessThanOrEqual(1000);
      const sizes = held.map(({ length }) => length);
      const fewest = sizes.indexOf(Math.min(...sizes));
      const mostHeld = sizes.indexOf(Math.max(...sizes));
      if (shares.take(`${mostHeld}`, true, 1) === undefined) {
        shares.giveBack(`${mostHeld}`, 1);
        // By number alone: bytes may have been shared out otherwise.
        if (held[fewest].length === 0) expect(shares.take(`${fewest}`, true, 1)).toBeUndefined();
      }
    }),
    { numRuns: 30 },
  );
});
