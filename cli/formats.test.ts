import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { forPrograms } from './formats.ts';

const texts = [
  ...[
    'plain',
    '',
    ' ',
    'true',
    '1',
    '1e3',
    'null',
    '~',
    '0x1f',
    '2026-01-01',
    'a: b',
    '- a',
    '# a',
    '"',
    "'",
    '{}',
    '%',
    '\\',
  ],
  ...[
    'two\nlines',
    'a\r\nb',
    '\u001b[2J',
    '\u009b2J',
    '\u0000',
    'left\u200eright',
    '\u2028',
    '\ud800',
    '\u{e0001}',
    'é 𝄞',
  ],
  `${'word '.repeat(60)}\n${'word '.repeat(60)}`,
];

it.each(texts)('JSON and YAML tell the same of %j, and neither more than a terminal shows', (text) => {
  const found = { text, list: [text, text], of: { [text || 'empty']: undefined, number: 0.1, none: null } };
  const [json, yaml] = [forPrograms(found, 'json') ?? '', forPrograms(found, 'yaml') ?? ''];
  const same = { text, list: [text, text], of: { number: 0.1, none: null } };
  expect(JSON.parse(json)).toEqual(same);
  expect(parse(yaml)).toEqual(same);
  for (const printed of [json, yaml]) expect(printed).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}]/u);
});

it('a name of a field cannot move a cursor either', () => {
  const found = { '\u001b[2J': 1, 'a\nb': 2 };
  expect(parse(forPrograms(found, 'yaml') ?? '')).toEqual(found);
  expect(forPrograms(found, 'yaml')).toBe('"\\u001b[2J": 1\n"a\\nb": 2\n');
});

it('people get neither', () => {
  for (const format of ['table', 'wide', 'text', 'short'] as const) expect(forPrograms([], format)).toBeUndefined();
});
