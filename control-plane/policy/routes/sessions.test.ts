import { describe, expect, it } from 'vitest';
import { cookiePath } from './sessions.ts';

const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } as const });
const exact = (value: string) => ({ path: { type: 'Exact', value } as const });
const pattern = (value: string) => ({ path: { type: 'RegularExpression', value } as const });

describe('the path of a cookie', () => {
  it.each([
    ['no match', [], '/'],
    ['a match of no path', [{}], '/'],
    ['one path', [prefix('/shop')], '/shop'],
    ['one path that ends with a slash', [prefix('/shop/')], '/shop'],
    ['one path, exactly', [exact('/shop/cart')], '/shop/cart'],
    ['several below one', [prefix('/shop/cart'), exact('/shop/till'), prefix('/shop')], '/shop'],
    ['several that only begin alike', [prefix('/shop'), prefix('/shopping')], '/'],
    ['a path, and any', [prefix('/shop'), {}], '/'],
    ['a pattern below a path', [pattern('/shop/[a-z]+$')], '/shop'],
    ['a pattern that is anchored', [pattern('^/shop/eu/.*')], '/shop/eu'],
    ['a pattern whose slash need not be there', [pattern('/shop/?.*')], '/'],
    ['a pattern that ends in the middle of a segment', [pattern('/shop/item-\\d+')], '/shop'],
    ['a pattern of alternatives', [pattern('/shop/cart|/blog/.*')], '/'],
    ['a pattern of anything', [pattern('.*')], '/'],
    ['a path that no cookie can have', [prefix('/shop;eu')], '/'],
  ])('of a rule with %s is above all of its requests', (_, matches, path) => {
    expect(cookiePath(matches)).toBe(path);
  });
});
