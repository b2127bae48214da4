import { expect, test } from 'vitest';
import { workerCount } from './cores.ts';

test.each([
  [{ max: undefined, min: 1, maxRatio: undefined }, 8, 1],
  [{ max: 4, min: 1, maxRatio: undefined }, 8, 4],
  [{ max: 4, min: 1, maxRatio: undefined }, 2, 2],
  [{ max: undefined, min: 2, maxRatio: undefined }, 8, 2],
  [{ max: undefined, min: 1, maxRatio: 0.5 }, 8, 4],
  [{ max: undefined, min: 1, maxRatio: 0.01 }, 8, 1],
  [{ max: undefined, min: 3, maxRatio: 0.1 }, 16, 3],
  [{ max: 2, min: 1, maxRatio: 1 }, 16, 2],
])('%o on a host of %i cores gives %i', (limits, hostCores, expected) => {
  expect(workerCount(limits, hostCores)).toBe(expected);
});
