import { expect, it } from 'vitest';
import { pageOf, written } from './page.ts';

it('a page has room for a thousand, and says how many were left out', () => {
  const all = Array.from({ length: 1500 }, (_, i) => i);
  const told = JSON.parse(
    written(
      'numbers',
      pageOf(all, (one) => ({ one })),
    ),
  ) as { numbers: object[]; leftOut: number };
  expect([told.numbers.length, told.numbers[999], told.leftOut]).toEqual([1000, { one: 999 }, 500]);
  expect(
    JSON.parse(
      written(
        'numbers',
        pageOf([1], (one) => one),
      ),
    ),
  ).toEqual({ numbers: [1] });
});
