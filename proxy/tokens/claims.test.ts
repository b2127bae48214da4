import { expect, it } from 'vitest';
import { claimFields, claimOf, hasClaims } from './claims.ts';

const claims = {
  sub: 'ann',
  level: 3,
  staff: true,
  scope: 'read write',
  groups: ['a', 'b'],
  one: ['a,b'],
  comma: ['a,b', 'c'],
  objects: [{ a: 1 }],
  empty: [],
  nothing: null,
  'https://x.test/roles': ['r'],
  'a.b': 'literal',
  a: { b: 'nested', c: ['d'] },
  lines: 'a\r\nx-admin: true',
  nul: 'a\0',
  spaces: ' admin',
  name: 'Ünï',
};

it.each([
  ['sub', 'ann'],
  ['https://x.test/roles', ['r']],
  ['a.b', 'literal'],
  ['a.c', ['d']],
  ['a.x', undefined],
  ['sub.length', undefined],
  ['constructor', undefined],
  ['a.__proto__', undefined],
])('the claim %s is %j', (name, value) => {
  expect(claimOf(claims, name)).toEqual(value);
});

it.each([
  [{ claim: 'sub', values: [] }, true],
  [{ claim: 'staff', values: ['true'] }, true],
  [{ claim: 'level', values: ['2', '3'] }, true],
  [{ claim: 'scope', values: ['write'] }, true],
  [{ claim: 'scope', values: ['read write'] }, false],
  [{ claim: 'groups', values: ['b'] }, true],
  [{ claim: 'groups', values: ['a,b'] }, false],
  [{ claim: 'objects', values: ['[object Object]'] }, false],
  [{ claim: 'empty', values: [''] }, false],
  [{ claim: 'nothing', values: [] }, false],
  [{ claim: 'nothing', values: ['null'] }, false],
  [{ claim: 'toString', values: [] }, false],
])('%j is fulfilled: %s', (required, isFulfilled) => {
  expect(hasClaims(claims, [required])).toBe(isFulfilled);
});

it.each([
  ['sub', 'ann'],
  ['level', '3'],
  ['groups', 'a,b'],
  ['scope', 'read,write'],
  ['name', Buffer.from('Ünï', 'utf8').toString('latin1')],
  ...['one', 'comma', 'objects', 'empty', 'nothing', 'lines', 'nul', 'spaces', 'absent'].map((claim) => [claim]),
])('the claim %s is told as %j, or not at all where a field would say something else', (claim, value) => {
  const rule = { issuer: '', audiences: [], keys: [], forwardsToken: false, claimsToHeaders: [{ header: 'x', claim }] };
  expect(claimFields(claims, rule).map((field) => field.value)).toEqual(value === undefined ? [] : [value]);
});
