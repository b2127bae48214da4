import { expect, it } from 'vitest';
import { requestOf } from '../testing/exchanges.ts';
import { Field, FieldMark } from '../wire/field.ts';
import { BadFilter } from './filter.ts';
import { HeaderModifier, type WrittenField } from './header-modifier.ts';

const field = (text: string): WrittenField => ({ name: text.split('=')[0], value: text.split('=')[1] });
const modifier = ({ add = [], set = [], remove = [] }: { add?: string[]; set?: string[]; remove?: string[] }) =>
  new HeaderModifier(add.map(field), set.map(field), remove);
const modified = (changes: Parameters<typeof modifier>[0], ...fields: string[]) =>
  modifier(changes)
    .apply(requestOf({ fields: fields.map((text) => new Field(field(text).name, field(text).value)) }))
    .fields.map(({ name, value }) => `${name}=${value}`);

it.each([
  ['adds behind what there is', { add: ['X-A=2'] }, ['x-a=1'], ['x-a=1', 'x-a=2']],
  ['sets in place of all of a name', { set: ['X-A=3'] }, ['x-a=1', 'x-b=1', 'x-a=2'], ['x-b=1', 'x-a=3']],
  ['removes all of a name', { remove: ['X-A'] }, ['x-a=1', 'x-b=1', 'x-a=2'], ['x-b=1']],
  ['what is set wins over what is added', { add: ['x-a=1'], set: ['x-a=2'] }, ['x-a=0'], ['x-a=2']],
  ['what is removed wins over both', { add: ['x-a=1'], set: ['x-b=2'], remove: ['x-a', 'x-b'] }, ['x-a=0'], []],
  ['of two that are set the first counts', { set: ['x-a=1', 'X-A=2'] }, [], ['x-a=1']],
  ['two are added of a name', { add: ['x-a=1', 'x-a=2'] }, [], ['x-a=1', 'x-a=2']],
  ['white space around a value says nothing', { set: ['x-a= 1\t'] }, [], ['x-a=1']],
])('%s', (_, changes, before, after) => {
  expect(modified(changes, ...before)).toEqual(after);
});

it('what it changes nothing of is the same head, and what it was given stays as it was', () => {
  const head = requestOf({ fields: [new Field('x-a', '1')] });
  expect(modifier({ remove: ['x-b'] }).apply(head)).toBe(head);
  expect(modifier({ remove: ['x-a'] }).apply(head).fields).toEqual([]);
  expect(head.fields).toHaveLength(1);
});

it('the marks of a head follow its fields', () => {
  const head = modifier({ set: ['baggage=a=1'] }).apply(requestOf());
  expect(head.marks).toBe(FieldMark.baggage);
  expect(modifier({ remove: ['baggage'] }).apply(head).marks).toBe(0);
});

it('secrets are written as such', () => {
  expect(
    modifier({ set: ['authorization=x', 'x-a=1'] })
      .apply(requestOf())
      .fields.map((each) => each.sensitive),
  ).toEqual([true, false]);
});

it.each([
  '',
  'a b',
  'x:y',
  ':authority',
  'x\r\ny',
  'ä',
  'x'.repeat(257),
  'Host',
  'content-length',
  'Transfer-Encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'l5d-client-id',
  'L5D_client_id',
])('the name %j is refused in each place', (name) => {
  expect(() => new HeaderModifier([{ name, value: 'v' }], [], [])).toThrow(BadFilter);
  expect(() => new HeaderModifier([], [{ name, value: 'v' }], [])).toThrow(BadFilter);
  expect(() => new HeaderModifier([], [], [name])).toThrow(BadFilter);
});

it.each(['a\rb', 'a\nb', 'a\0b', 'a\x7fb', '€', 'x'.repeat(4097)])('the value %j is refused', (value) => {
  expect(() => new HeaderModifier([{ name: 'x', value }], [], [])).toThrow(BadFilter);
});
