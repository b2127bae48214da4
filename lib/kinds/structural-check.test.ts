import { describe, expect, it, test } from 'vitest';
import { kinds, meshKinds } from './index.ts';
import { Problems } from './problems.ts';
import { flag, integer, list, map, object, oneOf, type Schema, sameAs, says, text } from './schema.ts';
import { checkStructure, checkValue, misshape } from './structural-check.ts';

function problemsOf(schema: Schema, value: unknown, limit?: number): readonly string[] {
  const problems = new Problems(limit);
  checkValue(schema, value, 'spec', problems);
  return problems.list;
}

const named = object({ 'name*': text(), size: integer(1, 5) });
const either = object({ a: text(), b: text() }, { oneOf: [{ required: ['a'] }, { required: ['b'] }] });
const portOrName = { 'x-kubernetes-int-or-string': true };

test.each<[string, Schema, unknown]>([
  ['an object with what it must have', named, { name: 'a' }],
  ['a field that is not known', named, { name: 'a', more: 1 }],
  ['null for a field that may be absent', named, { name: 'a', size: null }],
  ['null for a field that has a default', object({ 'a*': text({ default: 'x' }) }), { a: null }],
  ['null in a map', map(text()), { a: 'b', c: null }],
  ['one of two alternatives', either, { a: 'x', b: null }],
  ['a port by its number', portOrName, 80],
  ['a port by its name', portOrName, 'http'],
  ['a text of as many characters as it may have', text({ maxLength: 2 }), '😀😀'],
  ['anything where nothing is said', {}, [null, { a: 1 }]],
])('%s is as it should be', (_, schema, value) => expect(problemsOf(schema, value)).toEqual([]));

test.each<[string, Schema, unknown, string]>([
  ['a list for an object', named, [], 'spec ([]) must be an object'],
  ['an object for a list', list(text()), {}, 'spec ({}) must be a list'],
  ['a number for a text', text(), 1, 'spec (1) must be a text'],
  ['a text for a number', integer(0), '1', 'spec (1) must be a whole number'],
  ['a part of a number', integer(0), 1.5, 'spec (1.5) must be a whole number'],
  ['a text for a flag', flag(), 'true', 'spec (true) must be true or false'],
  ['no port', portOrName, true, 'spec (true) must be a whole number or a text'],
  ['what must be set and is not', named, {}, 'spec.name must be set'],
  ['null for what must be set', named, { name: null }, 'spec.name must be set'],
  [
    'a choice that is not made',
    object({ 'a*': oneOf('b', 'c') }),
    {},
    "spec.a must be set: it must be one of 'b', 'c'",
  ],
  ['another choice', oneOf('b', 'c'), 'd', "spec (d) must be one of 'b', 'c'"],
  ['a number below', integer(1, 5), 0, 'spec (0) must be from 1 to 5'],
  ['a number above', integer(1, 5), 6, 'spec (6) must be from 1 to 5'],
  ['a negative number', integer(0), -1, 'spec (-1) must not be negative'],
  ['a number that 32 bits do not hold', integer(0), 2 ** 31, 'spec (2147483648) must be from 0 to 2147483647'],
  ['an empty text', text({ minLength: 1 }), '', 'spec must not be empty'],
  ['a long text', text({ maxLength: 2 }), 'abc', 'spec (abc) must have at most 2 characters'],
  ['an empty list', list(text(), { minItems: 1 }), [], 'spec must have at least 1 item'],
  ['a long list', list(text(), { maxItems: 1 }), ['a', 'b'], 'spec must have at most 1 item, and has 2'],
  ['null in a list', list(text()), ['a', null], 'spec[1] (null) must be a text'],
  ['a wrong value in a map', map(text()), { a: 1 }, "spec['a'] (1) must be a text"],
  ['none of two alternatives', either, {}, 'spec must have either a or b'],
  ['both of two alternatives', either, { a: '', b: '' }, 'spec must have either a or b, and no more of them'],
  ['another pattern', text({ pattern: '^a$' }), 'b', 'spec (b) must match ^a$'],
  ['a map', { ...map(text()), maxProperties: 1 }, { a: 'b', c: 'd' }, 'spec must have at most 1 field, and has 2'],
  ['another pattern, in words', text({ pattern: '^a$', [says]: 'must be a' }), 'b', 'spec (b) must be a'],
])('%s is told by its field', (_, schema, value, problem) => expect(problemsOf(schema, value)).toEqual([problem]));

test('what is told has an end, and so has the look at what is wrong', () => {
  let looks = 0;
  const item = new Proxy({}, { get: () => void looks++, ownKeys: () => [] });
  expect(problemsOf(list(named, { maxItems: 10_000 }), Array(10_000).fill(item), 3)).toEqual([
    'spec[0].name must be set',
    'spec[1].name must be set',
    'spec[2].name must be set',
  ]);
  expect(looks).toBeLessThan(20);
});

test('what holds values of its own kind is followed to a depth that has an end', () => {
  const node: Schema = object({ wrong: flag(), not: { type: 'object', [sameAs]: () => node } });
  const nested = (depth: number, inner: object): object => (depth === 0 ? inner : { not: nested(depth - 1, inner) });
  expect(problemsOf(node, nested(20, { wrong: 1 }))).toEqual([
    `spec${'.not'.repeat(20)}.wrong (1) must be true or false`,
  ]);
  expect(problemsOf(node, nested(5000, {}))).toEqual([`spec${'.not'.repeat(65)} must not lie deeper than 64 levels`]);
});

it('knows each keyword that our schemas have', () => {
  const known = new Set([
    ...['type', 'format', 'properties', 'required', 'additionalProperties', 'items', 'oneOf', 'enum', 'pattern'],
    ...[
      'minimum',
      'maximum',
      'minLength',
      'maxLength',
      'minItems',
      'maxItems',
      'maxProperties',
      'default',
      'description',
    ],
    ...['x-kubernetes-int-or-string', 'x-kubernetes-preserve-unknown-fields'],
  ]);
  const unknown: string[] = [];
  const look = (schema: Schema, path: string): void => {
    for (const keyword of Object.keys(schema)) if (!known.has(keyword)) unknown.push(`${path}: ${keyword}`);
    for (const alternative of (schema['oneOf'] ?? []) as object[]) {
      if (Object.keys(alternative).join() !== 'required') unknown.push(`${path}: oneOf`);
    }
    const children = { ...(schema['properties'] as Record<string, Schema>), items: schema['items'] as Schema };
    for (const [name, child] of Object.entries(children)) if (child !== undefined) look(child, `${path}.${name}`);
  };
  for (const { kind, versions } of meshKinds) for (const { name, schema } of versions) look(schema, `${kind} ${name}`);
  expect(unknown).toEqual([]);
});

it('finds a status of others no reason to refuse an object', () => {
  const route = meshKinds.find(({ kind }) => kind === 'HTTPRoute')!;
  const problems = new Problems();
  const written = { apiVersion: 'policy.linkerd.io/v1beta3', spec: {}, status: { parents: 'none' } };
  checkStructure(route, written, problems, { refuseUnknownFields: true });
  expect(problems.list).toEqual([]);
});

describe('what keeps code from reading an object', () => {
  const route = (spec: unknown) => misshape(kinds.PolicyHTTPRoute, { spec });
  const matches = Array.from({ length: 100 }, () => ({ path: { type: 'Glob', value: 'no path' } }));

  it.each<[string, unknown]>([
    ['bounds, words and patterns', { rules: [{ matches, timeouts: { request: 'soon' } }], later: 7 }],
    ['what is null', { rules: null, hostnames: [], parentRefs: [{ name: 'a', port: null }] }],
  ])('are not %s', (_, spec) => expect(route(spec)).toBeUndefined());

  it.each<[unknown, string]>([
    [undefined, 'spec must be set'],
    ['x', 'spec (x) must be an object'],
    [{ rules: {} }, 'spec.rules ({}) must be a list'],
    [{ rules: [null] }, 'spec.rules[0] (null) must be an object'],
    [{ parentRefs: [{}] }, 'spec.parentRefs[0].name must be set'],
    [
      { rules: [{ backendRefs: [{ name: 'a', weight: '1' }] }] },
      'spec.rules[0].backendRefs[0].weight (1) must be a whole number',
    ],
  ])('is a value of another type, and what must be set: %j', (spec, problem) => expect(route(spec)).toBe(problem));

  it('knows no type of what says none', () => expect(misshape(kinds.Node, { spec: 7 })).toBeUndefined());
});
