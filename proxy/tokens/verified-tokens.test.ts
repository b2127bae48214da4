import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Field } from '../wire/field.ts';
import { joinPolicies, type TokenPlace } from './token-policy.ts';
import { type KeptToken, VerifiedTokens } from './verified-tokens.ts';

const policy = joinPolicies([], new Set());
const place: TokenPlace = { spot: { kind: 'param', name: 'a' }, rules: [] };
const rule = { issuer: '', audiences: [], keys: [], forwardsToken: false, claimsToHeaders: [] };
const kept = (changes: Partial<KeptToken> = {}): KeptToken => ({
  ...{ policy, place, rule, endMs: 1000, sufficient: true, fields: [] },
  ...changes,
});

it('what holds is known until its end, for its policy and place alone', () => {
  const tokens = new VerifiedTokens();
  tokens.keep('t', kept());
  expect(tokens.find('t', policy, place, 999)).toBeDefined();
  expect(tokens.find('t', policy, place, 1000)).toBeUndefined();
  expect(tokens.find('t', joinPolicies([], new Set()), place, 0)).toBeUndefined();
  expect(tokens.find('t', policy, { ...place }, 0)).toBeUndefined();
  expect(tokens.find('u', policy, place, 0)).toBeUndefined();
});

it('one token is kept for each policy, and once', () => {
  const tokens = new VerifiedTokens();
  const other = joinPolicies([], new Set());
  for (const each of [policy, other, policy]) tokens.keep('t', kept({ policy: each }));
  expect(tokens.size).toBe(2);
  expect([policy, other].map((each) => tokens.find('t', each, place, 0)?.policy)).toEqual([policy, other]);
});

it('policies that come and go fill nothing', () => {
  const tokens = new VerifiedTokens();
  for (let i = 0; i < 1000; i++) tokens.keep('t', kept({ policy: joinPolicies([], new Set()) }));
  expect(tokens.size).toBeLessThanOrEqual(16);
});

it('beyond its bound what was not used goes first', () => {
  const tokens = new VerifiedTokens({ maxTokens: 3 });
  for (const token of ['a', 'b', 'c']) tokens.keep(token, kept());
  tokens.find('a', policy, place, 0);
  tokens.keep('d', kept());
  const known = ['a', 'b', 'c', 'd'].map((token) => tokens.find(token, policy, place, 0) !== undefined);
  expect(known).toEqual([true, false, true, true]);
});

it('whatever is kept, its bounds hold and nothing is counted that is not there', () => {
  const others = [policy, joinPolicies([], new Set())];
  const step = fc.record({
    token: fc.integer({ min: 0, max: 20 }),
    by: fc.constantFrom(...others),
    length: fc.integer({ min: 0, max: 600 }),
    use: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const tokens = new VerifiedTokens({ maxTokens: 8, maxBytes: 3000 });
      for (const { token, by, length, use } of steps) {
        if (use) tokens.find(`token ${token}`, by, place, 0);
        else tokens.keep(`token ${token}`, kept({ policy: by, fields: [new Field('x', 'y'.repeat(length))] }));
        expect(tokens.size).toBeLessThanOrEqual(8);
        expect(tokens.bytes).toBeLessThanOrEqual(3000);
        const ids = Array.from({ length: 21 }, (_, i) => `token ${i}`);
        const known = ids.flatMap((id) => others.filter((each) => tokens.find(id, each, place, 0) !== undefined));
        expect(known).toHaveLength(tokens.size);
      }
    }),
  );
});
