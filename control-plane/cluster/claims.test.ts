import { expect, test } from 'vitest';
import { Claims } from './claims.ts';

test('the latest to claim an address has it until it lets go', () => {
  const claims = new Claims();
  claims.set('old', ['10.0.0.1', '10.0.0.2']);
  claims.set('new', ['10.0.0.1']);
  claims.set('old', ['10.0.0.1', '10.0.0.2']);
  expect([claims.owner('10.0.0.1'), claims.owner('10.0.0.2')]).toEqual(['new', 'old']);
  expect(claims.set('new', ['10.0.0.3'])).toEqual(new Set(['10.0.0.1', '10.0.0.3']));
  expect(claims.owner('10.0.0.1')).toBe('old');
  claims.set('old', []);
  expect([claims.owner('10.0.0.1'), claims.owner('10.0.0.2'), claims.owner('10.0.0.3')]).toEqual([
    undefined,
    undefined,
    'new',
  ]);
});
