import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

const options = { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 };

it('lets so many retries be as there are always, and of requests a part', () => {
  const budget = new RetryBudget(options);
  const taken = (nowMs: number): number => {
    let count = 0;
    while (budget.withdraw(nowMs)) count++;
    return count;
  };
  expect(taken(0)).toBe(100);
  for (let i = 0; i < 1000; i++) budget.deposit(1);
  expect(taken(1)).toBe(200);
  expect(taken(10_000)).toBe(100);
});

it('is never exceeded: what is retried in a while stays below its part of what came in that while and the one before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.boolean()), { minLength: 1, maxLength: 2000 }),
      (steps) => {
        const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 1, ttlMs: 1000 });
        const events: { atMs: number; retry: boolean }[] = [];
        let nowMs = 0;
        for (const [passedMs, isRequest] of steps) {
          nowMs += passedMs;
          if (isRequest) {
            budget.deposit(nowMs);
            events.push({ atMs: nowMs, retry: false });
          } else if (budget.withdraw(nowMs)) events.push({ atMs: nowMs, retry: true });
        }
        for (const { atMs } of events) {
          const within = (forMs: number, retry: boolean): number =>
            events.filter((event) => event.retry === retry && event.atMs > atMs - forMs && event.atMs <= atMs).length;
          expect(within(1000, true)).toBeLessThanOrEqual(2 * 1 + 0.2 * within(2000, false) + 1);
        }
      },
    ),
    { numRuns: 100 },
  );
});
