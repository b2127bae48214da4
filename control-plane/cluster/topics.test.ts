import { expect, test } from 'vitest';
import { Topics } from './topics.ts';

test('a listener that throws is told, and costs the others nothing', async () => {
  const failures: Error[] = [];
  const topics = new Topics((error) => failures.push(error));
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
