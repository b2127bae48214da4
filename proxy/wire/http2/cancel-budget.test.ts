import { expect, it } from 'vitest';
import { CancelBudget, meshedPeer, unknownPeer } from './cancel-budget.ts';

/** How many streams may be reset until there should be no more, while `open` others are under way. */
function resets(budget: CancelBudget, open = 0): number {
  let count = 1;
  while (budget.reset(true, open)) count++;
  return count;
}

it('a server that may be any is sent fewer resets than the strictest allows, all that is open reset too', () => {
  expect(resets(new CancelBudget(unknownPeer))).toBe(101);
  expect(resets(new CancelBudget(unknownPeer), 100)).toBe(71);
  expect(resets(new CancelBudget(unknownPeer), 1000)).toBe(21);
});

it('a proxy of the mesh is sent as many as a proxy takes, whatever is open', () => {
  expect(resets(new CancelBudget(meshedPeer), 1000)).toBe(801);
});

it('time pays back: one reset each second goes on for ever, and within 30 s there are never more than 200', () => {
  const budget = new CancelBudget(unknownPeer);
  for (let second = 0; second < 1000; second++) {
    expect(budget.reset(true, 10)).toBe(true);
    budget.passed(1);
  }
  const used = resets(new CancelBudget(unknownPeer));
  expect(used + 30 * unknownPeer.perSecond).toBeLessThanOrEqual(200);
});

it('streams that nobody carries to their end are too many, however slowly they come', () => {
  const budget = new CancelBudget(unknownPeer);
  let count = 1;
  for (; budget.reset(false, 0); count++) budget.passed(10);
  expect(count).toBe(301);
});
