import { describe, expect, it } from 'vitest';
import { requestOf } from '../testing/exchanges.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { overrideIn, overridesOf, traceIdOf, withOverride, withoutOverride } from './request-override.ts';

const baggage = (...values: string[]): Field[] => values.map((value) => new Field('baggage', value));
const headOf = (fields: Field[]) => requestOf({ fields, marks: marksOfAll(fields) });

describe('what a request asks for', () => {
  it.each([
    ['tulle-override=web.shop:web-v2', 'web.shop:web-v2'],
    ['user=1, tulle-override = web.shop:web-v2 ;ttl=1, a=b', 'web.shop:web-v2'],
    ['tulle-override=web.shop%3Aweb-v2', 'web.shop%3Aweb-v2'],
    // The first of several counts.
    ['tulle-override=a.b:c,tulle-override=a.b:d', 'a.b:c'],
    ['tulle-override=', ''],
    ['other-tulle-override=a.b:c', undefined],
    ['tulle-override', undefined],
    ['user=tulle-override=a.b:c', undefined],
    [`a=${'x'.repeat(9000)},tulle-override=a.b:c`, undefined],
    [`${'tulle-override,'.repeat(500)}`, undefined],
    ['', undefined],
  ])('of %.60s is %s', (value, asked) => {
    expect(overrideIn(baggage(value))).toBe(asked);
  });

  it('may stand in any of several fields of baggage, and in no other field', () => {
    expect(overrideIn(baggage('a=b', 'tulle-override=a.b:c', 'tulle-override=a.b:d'))).toBe('a.b:c');
    expect(overrideIn([new Field('x-baggage', 'tulle-override=a.b:c')])).toBeUndefined();
  });

  it.each<[string, Record<string, string>]>([
    ['web.shop:web-v2', { 'web.shop': 'web-v2.shop' }],
    ['web.shop:web-v2.next', { 'web.shop': 'web-v2.next' }],
    ['web.shop:a/cart.shop:b.c', { 'web.shop': 'a.shop', 'cart.shop': 'b.c' }],
    ['web.shop%3Aa%2Fcart.shop%3ab', { 'web.shop': 'a.shop', 'cart.shop': 'b.shop' }],
    ['web.shop:a/web.shop:b', { 'web.shop': 'a.shop' }],
  ])('%s is read', (value, expected) => {
    expect(Object.fromEntries(overridesOf(value) ?? [])).toEqual(expected);
  });

  it.each([
    '',
    'web',
    'web:web-v2',
    'web.shop',
    'web.shop:',
    ':web-v2',
    'web.shop:a:b',
    'web.shop.svc:a',
    'web.shop:a.b.c',
    'Web.shop:a',
    'web.shop:a b',
    'web.shop:a/',
    'web.shop:-a',
    'web.shop:a%',
    'web.shop:%ff',
    'web.shop%253Aa',
    `web.shop:${'a'.repeat(64)}`,
    'constructor.__proto__:a',
    Array.from({ length: 17 }, (_, i) => `a${i}.b:c`).join('/'),
    `web.shop:${'a'.repeat(2000)}`,
  ])('%.40s asks for nothing', (value) => {
    expect(overridesOf(value)).toBeUndefined();
  });
});

describe('baggage without what it asks for', () => {
  it.each([
    [['tulle-override=a.b:c'], []],
    [['a=b,tulle-override=a.b:c,c=d;e'], ['a=b,c=d;e']],
    [['a=b', ' tulle-override = x , tulle-override'], ['a=b']],
    // Some SDKs decode a key, and write it as it is meant.
    [['tulle%2Doverride=a.b:c,a=b'], ['a=b']],
    [['%74ulle-override=a.b:c'], []],
    [[`a=${'x'.repeat(9000)},tulle-override=a.b:c`], [`a=${'x'.repeat(9000)}`]],
  ])('%j is %j', (values, left) => {
    const head = withoutOverride(headOf(baggage(...values)));
    expect(head.fields.map(({ value }) => value)).toEqual(left);
    expect(head.marks).toBe(marksOfAll(head.fields));
  });

  it('is the head itself where there is none', () => {
    const head = headOf(baggage('a=b,c=%', 'x'));
    expect(withoutOverride(head)).toBe(head);
  });

  it('gets what is added to it', () => {
    const head = withOverride(headOf([]), 'a.b:c');
    expect(overrideIn(head.fields)).toBe('a.b:c');
    expect(head.marks).toBe(marksOfAll(head.fields));
  });
});

describe('the trace of a request', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  it.each([
    [`00-${id}-00f067aa0ba902b7-01`, id],
    [`01-${id}-00f067aa0ba902b7-01-more`, id],
    [`ff-${id}-00f067aa0ba902b7-01`, undefined],
    [`00-${id.toUpperCase()}-00f067aa0ba902b7-01`, undefined],
    [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, undefined],
    [`00-${id}`, undefined],
    ['', undefined],
  ])('%s is of %s', (traceparent, expected) => {
    expect(traceIdOf(headOf([new Field('traceparent', traceparent)]))).toBe(expected);
  });

  it('is none where it says of none', () => {
    expect(traceIdOf(headOf([new Field('b3', '0')]))).toBeUndefined();
    expect(traceIdOf(headOf([]))).toBeUndefined();
  });
});
