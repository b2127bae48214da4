import { expect, test, vi } from 'vitest';
import { BoundedWork } from './bounded-work.ts';

test('work is done so much at a time, in order', async () => {
  const work = new BoundedWork({ concurrency: 2, maxWaiting: 10, maxWaitMs: 5000, maxWorkMs: 5000 });
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const all = [0, 1, 2, 3].map((n) =>
    work.run(async () => {
      started.push(n);
      await new Promise<void>((resolve) => ends.push(resolve));
      return n;
    }),
  );
  expect([started, work.running, work.waiting]).toEqual([[0, 1], 2, 2]);
  ends[0]();
  await vi.waitFor(() => expect(started).toEqual([0, 1, 2]));
  for (let n = 1; n < 4; n++) {
    await vi.waitFor(() => expect(ends.length).toBeGreaterThan(n));
    ends[n]();
  }
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
  expect([work.running, work.waiting]).toEqual([0, 0]);
});

test('work for which too much waits is refused at once', async () => {
  const work = new BoundedWork({ concurrency: 1, maxWaiting: 1, maxWaitMs: 5000, maxWorkMs: 5000 });
  const ends: (() => void)[] = [];
  const one = (): Promise<void> => work.run(() => new Promise<void>((resolve) => ends.push(resolve)));
  const taken = [one(), one()];
  await expect(one()).rejects.toThrow('1 wait already');
  for (let n = 0; n < 2; n++) {
    await vi.waitFor(() => expect(ends.length).toBeGreaterThan(n));
    ends[n]();
  }
  await Promise.all(taken);
});

test('work that waits for too long is never begun, and counts for as long as it goes on when it takes too long', async () => {
  const work = new BoundedWork({ concurrency: 1, maxWaiting: 10, maxWaitMs: 10, maxWorkMs: 20 });
  let end = (): void => {};
  const first = work.run(() => new Promise<void>((resolve) => (end = resolve)));
  let started = false;
  const second = work.run(async () => (started = true));
  const results = await Promise.allSettled([first, second]);
  expect(results.map((result) => (result as PromiseRejectedResult).reason.message)).toEqual([
    'not done within 20 ms',
    'not begun within 10 ms',
  ]);
  expect([work.running, work.waiting]).toEqual([1, 0]);
  end();
  await vi.waitFor(() => expect(work.running).toBe(0));
  expect(started).toBe(false);
});

test('the wait is not part of the time for the work', async () => {
  const work = new BoundedWork({ concurrency: 1, maxWaiting: 10, maxWaitMs: 10_000, maxWorkMs: 200 });
  const briefly = (): Promise<void> => work.run(() => new Promise((resolve) => setTimeout(resolve, 50)));
  await Promise.all(Array.from({ length: 8 }, briefly));
});
