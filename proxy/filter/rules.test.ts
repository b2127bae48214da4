import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { HttpRoute_RuleSchema } from '../../api/gen/inbound_pb.js';
import { requestOf } from '../testing/exchanges.ts';
import { filteredRules } from './rules.ts';

const unread: string[] = [];
const read = (...rules: MessageInitShape<typeof HttpRoute_RuleSchema>[]) =>
  filteredRules(
    rules.map((rule) => create(HttpRoute_RuleSchema, rule)),
    (why) => unread.push(why),
  );
const prefix = (value: string) => ({ path: { kind: { case: 'prefix' as const, value } } });
const exact = (value: string) => ({ path: { kind: { case: 'exact' as const, value } } });
const rewrite = [
  { kind: { case: 'urlRewrite' as const, value: { path: { replace: { case: 'prefix' as const, value: '/new' } } } } },
];
const header = [{ kind: { case: 'requestHeaderModifier' as const, value: { remove: ['x'] } } }];
const pathOf = (parts: ReturnType<typeof read>, at: number, path: string) =>
  parts[at].filters?.applyToRequest(requestOf({ path }), () => 0);

it('rules without filters stay together', () => {
  const parts = read({ matches: [prefix('/a')] }, { matches: [prefix('/b')] });
  expect(parts.map(({ rules, filters }) => [rules.length, filters])).toEqual([[2, undefined]]);
});

it('a rule with filters has them for all of its matches, and its neighbours have none', () => {
  const parts = read({ matches: [prefix('/a')] }, { matches: [prefix('/b'), exact('/c')], filters: header });
  expect(parts.map(({ rules, filters }) => [rules[0].matches.length, filters === undefined])).toEqual([
    [1, true],
    [2, false],
  ]);
});

it('a rule that replaces a prefix does so with that of the match that fits', () => {
  const parts = read({ matches: [prefix('/%61/'), prefix('/b/c'), {}], filters: rewrite });
  expect(parts).toHaveLength(3);
  expect(pathOf(parts, 0, '/a/x')).toMatchObject({ path: '/new/x' });
  expect(pathOf(parts, 1, '/b/c/x')).toMatchObject({ path: '/new/x' });
  expect(pathOf(parts, 2, '/x')).toMatchObject({ path: '/new/x' });
  expect(pathOf(read({ filters: rewrite }), 0, '/x')).toMatchObject({ path: '/new/x' });
});

it('where one of its matches has no prefix, requests of that fail, and the log is told once', () => {
  const parts = read({ matches: [exact('/a'), exact('/b'), prefix('/c')], filters: rewrite });
  expect(pathOf(parts, 0, '/a')).toMatchObject({ failure: 'unsupportedFilter' });
  expect(pathOf(parts, 2, '/c')).toMatchObject({ path: '/new' });
  expect(unread).toEqual(['a prefix is to be replaced where a match has none']);
});
