import { describe, expect, it } from 'vitest';
import type { AffinityKey } from '../model/affinity.ts';
import { requestOf } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import { keyOf } from './affinity.ts';

const cookie: AffinityKey = { kind: 'cookie', name: 'id', made: undefined };
const query: AffinityKey = { kind: 'query', name: 'id' };
const ofCookies = (...values: string[]) =>
  keyOf(cookie, requestOf({ fields: values.map((value) => new Field('cookie', value)) }), '');
const ofPath = (path: string) => keyOf(query, requestOf({ path }), '');

it.each([
  ['id=7', '7'],
  ['a=b; id=7; c=d', '7'],
  ['a=b;id=7', '7'],
  ['id="7"', '7'],
  ['id= 7 ', '7'],
  ['id=a=b', 'a=b'],
  ['id=7; id=8', '7'],
  ['ID=7', undefined],
  ['xid=7', undefined],
  ['id', undefined],
  ['id=', undefined],
  ['id=""', undefined],
  ['', undefined],
  [';;; ;', undefined],
  ['a=id=7', undefined],
])('of the cookies %j: %s', (value, expected) => {
  expect(ofCookies(value)).toBe(expected);
});

it('looks for a cookie in all fields that have any', () => {
  expect(ofCookies('a=b', 'id=7')).toBe('7');
});

it.each([
  ['/?id=7', '7'],
  ['/a?x=y&id=7&z', '7'],
  ['/a?id=a%20b', 'a%20b'],
  ['/id=7', undefined],
  ['/?xid=7', undefined],
  ['/?id', undefined],
  ['/?id=', undefined],
  ['/?', undefined],
  ['*', undefined],
])('of the path %s: %s', (path, expected) => {
  expect(ofPath(path)).toBe(expected);
});

describe('of a header or a source', () => {
  const header: AffinityKey = { kind: 'header', name: 'x-user' };
  it('it is the first value, and none where that is empty', () => {
    const fields = [new Field('x-user', 'ann'), new Field('x-user', 'bob')];
    expect(keyOf(header, requestOf({ fields }), '')).toBe('ann');
    expect(keyOf(header, requestOf({ fields: [new Field('x-user', '')] }), '')).toBeUndefined();
    expect(keyOf(header, requestOf(), '')).toBeUndefined();
  });

  it('it is the address', () => {
    expect(keyOf({ kind: 'source' }, requestOf(), '10.0.0.7')).toBe('10.0.0.7');
  });
});

it('reads a field of 64 KiB that is made to take long in no time', () => {
  const startMs = performance.now();
  for (const value of [`${'id'.repeat(32_768)}`, `${';'.repeat(65_536)}`, `${'i=;'.repeat(20_000)}`]) {
    expect(ofCookies(value)).toBeUndefined();
    expect(ofPath(`/?${value.replaceAll(';', '&')}`)).toBeUndefined();
  }
  expect(performance.now() - startMs).toBeLessThan(2000);
});
