import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Poll } from './poll.ts';

/** A poll whose looks end when the test says so. */
function heldPoll(intervalMs: number) {
  const ends: (() => void)[] = [];
  const poll = new Poll(() => new Promise((resolve) => ends.push(resolve)), intervalMs);
  return { poll, ends };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('looks after each interval, until it is closed', async () => {
  let looks = 0;
  const poll = new Poll(async () => void looks++, 100);
  expect(looks).toBe(0);
  await vi.advanceTimersByTimeAsync(350);
  expect(looks).toBe(3);
  poll.close();
  await vi.advanceTimersByTimeAsync(350);
  expect(looks).toBe(3);
});

it('looks once at a time: who asks meanwhile waits for the look that is under way', async () => {
  const { poll, ends } = heldPoll(100);
  const asked = [poll.now(), poll.now()];
  await vi.advanceTimersByTimeAsync(150);
  expect(ends).toHaveLength(1);
  ends[0]();
  await Promise.all(asked);
  void poll.now();
  expect(ends).toHaveLength(2);
  poll.close();
});
