import { expect, test } from 'vitest';
import { percentage, ratioOfPercent } from './percentage.ts';

test.each<[string, number | undefined]>([
  ['50%', 50],
  ['0%', 0],
  ['100%', 100],
  ['0.1%', 0.1],
  ['100.1%', undefined],
  ['101%', undefined],
  ['-1%', undefined],
  ['50', undefined],
  ['%', undefined],
  ['.5%', undefined],
  ['1e2%', undefined],
  [' 5%', undefined],
  [`0.${'1'.repeat(100)}%`, undefined],
])('%s is read as %s', (text, percent) => expect(percentage.read(text)).toBe(percent));

test.each([
  [50, 500_000],
  [0.1, 1000],
  [0, 0],
  [100, 1_000_000],
  [0.00001, 1],
])('%s percent are %s millionths', (percent, numerator) =>
  expect(ratioOfPercent(percent)).toEqual({ numerator, denominator: 1_000_000 }),
);
