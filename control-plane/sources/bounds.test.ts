import { expect, it } from 'vitest';
import { beyondBounds, bounds } from './bounds.ts';

const nested = (depth: number): unknown => (depth === 0 ? {} : { not: nested(depth - 1) });

it.each([
  ['spec.a', { a: 'x'.repeat(bounds.characters + 1) }, 'spec.a has 4097 characters, more than 4096'],
  ['an item', { a: [{ b: 'x'.repeat(5000) }] }, 'spec.a[0].b has 5000 characters, more than 4096'],
  ['a name', { ['n'.repeat(5000)]: 1 }, 'a name in spec has 5000 characters, more than 4096'],
  ['a list', { a: new Array(5000).fill(1) }, 'spec.a has 5000 items, more than 4096'],
  ['a map', Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [i, i])), 'spec has 2000 fields, more than 1024'],
  ['depth', nested(40), expect.stringMatching(/^spec(\.not){32} stands more than 32 fields deep$/)],
])('tells the place of what is too much: %s', (_, value, problem) => {
  expect(beyondBounds(value, 'spec')).toEqual(problem);
});

it('lets be what objects say', () => {
  const networks = Array.from({ length: 1000 }, (_, i) => ({ cidr: `10.0.${i % 256}.0/24`, except: [] }));
  expect(beyondBounds({ networks, selector: { matchLabels: { app: 'web' } }, none: null, no: false }, 'spec')).toBe(
    undefined,
  );
  expect(beyondBounds(nested(20), 'spec')).toBeUndefined();
});
