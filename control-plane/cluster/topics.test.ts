import { expect, test, vi } from 'vitest';
import { Topics } from './topics.ts';

test('a listener that throws is told, and costs the others nothing', async () => {
  const failures: Error[] = [];
  const topics = new Topics({ onFailure: (error) => failures.push(error) });
  const told: string[] = [];
  topics.subscribe(['a'], () => told.push('first'));
  topics.subscribe(['a'], () => {
    throw new Error('cannot be made');
  });
  topics.subscribe(['a'], () => told.push('last'));
  topics.touch('a');
  await new Promise((done) => setImmediate(done));
  expect(told).toEqual(['first', 'last']);
  expect(failures.map(({ message }) => message)).toEqual(['cannot be made']);
});

test('many listeners make way for others before all were called, and none is called twice or after it stopped', async () => {
  let nowMs = 0;
  const topics = new Topics({ nowMs: () => nowMs, sliceMs: 5 });
  const told: number[] = [];
  const stops = Array.from({ length: 10 }, (_, index) =>
    topics.subscribe(['a', 'b'], () => {
      told.push(index);
      nowMs += 2;
    }),
  );
  topics.touch('a');
  topics.touch('b');
  await new Promise((done) => setImmediate(done));
  expect(told).toEqual([0, 1, 2]);
  stops[5]();
  topics.touch('a');
  await vi.waitFor(() => expect(told).toHaveLength(12));
  expect(told.filter((index) => index === 5)).toEqual([]);
  expect(told.slice(3, 9)).toEqual([3, 4, 6, 7, 8, 9]);
});
