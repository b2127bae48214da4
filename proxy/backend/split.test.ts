import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Attempt } from '../exchange/attempt.ts';
import type { Backend } from './backend.ts';
import { Split } from './split.ts';

class Counting implements Backend {
  isAvailable = true;
  sent = 0;
  send(): void {
    this.sent++;
  }
}

const attempt = {} as Attempt;

it('shares come out within 1 % of the weights over 10,000 requests, wherever it begins', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (weights, start) => {
        const backends = weights.map((weight) => ({ backend: new Counting(), weight }));
        const split = new Split(backends, () => start);
        for (let i = 0; i < 10_000; i++) split.send(attempt);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (const { backend, weight } of backends) {
          expect(Math.abs(backend.sent / 10_000 - weight / total)).toBeLessThan(0.01);
        }
      },
    ),
    { numRuns: 30 },
  );
});

it('what fails everything at once has nothing while another takes requests, and all when none does', () => {
  const [a, b, c] = [new Counting(), new Counting(), new Counting()];
  const split = new Split(
    [a, b, c].map((backend, i) => ({ backend, weight: [8, 1, 1][i] })),
    () => 0,
  );
  a.isAvailable = false;
  for (let i = 0; i < 100; i++) split.send(attempt);
  expect(a.sent).toBe(0);
  expect(Math.abs(b.sent - c.sent)).toBeLessThan(30);
  for (const backend of [b, c]) backend.isAvailable = false;
  expect(split.isAvailable).toBe(false);
  for (let i = 0; i < 100; i++) split.send(attempt);
  expect(a.sent).toBeGreaterThan(70);
});
