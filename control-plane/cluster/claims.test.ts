import { expect, test } from 'vitest';
import { Claims } from './claims.ts';

test('those who claim an address are told in the order of their claims, until they let go', () => {
  const claims = new Claims();
  claims.set('old', ['10.0.0.1', '10.0.0.2']);
  claims.set('new', ['10.0.0.1']);
  claims.set('old', ['10.0.0.1', '10.0.0.2']);
  expect([claims.ownersOf('10.0.0.1'), claims.ownersOf('10.0.0.2')]).toEqual([['old', 'new'], ['old']]);
  expect(claims.set('new', ['10.0.0.3'])).toEqual(new Set(['10.0.0.1', '10.0.0.3']));
  expect(claims.ownersOf('10.0.0.1')).toEqual(['old']);
  claims.set('old', []);
  expect(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((ip) => claims.ownersOf(ip))).toEqual([[], [], ['new']]);
});
