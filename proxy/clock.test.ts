import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a delay of a year is waited for, though the timers of the runtime end at 25 days', () => {
  let ran = 0;
  systemClock.after(8760 * hourMs, () => ran++);
  vi.advanceTimersByTime(8760 * hourMs - 1);
  expect(ran).toBe(0);
  vi.advanceTimersByTime(1);
  expect(ran).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

it('a long delay can be cancelled in each of its steps', () => {
  let ran = 0;
  for (const afterHours of [1, 700, 8000]) {
    const timer = systemClock.after(8760 * hourMs, () => ran++);
    vi.advanceTimersByTime(afterHours * hourMs);
    systemClock.cancel(timer);
    systemClock.cancel(timer);
    expect(vi.getTimerCount()).toBe(0);
  }
  vi.advanceTimersByTime(20_000 * hourMs);
  expect(ran).toBe(0);
});

it('short delays are those of the runtime', () => {
  let ran = 0;
  systemClock.after(10, () => ran++);
  systemClock.cancel(systemClock.after(10, () => ran++));
  systemClock.cancel(undefined);
  vi.advanceTimersByTime(10);
  expect(ran).toBe(1);
});
