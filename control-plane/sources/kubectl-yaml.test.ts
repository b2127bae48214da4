import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { goReader } from '../../test/inject/other-readers.ts';
import { plainValue, readYaml, splitYaml, YamlProblem } from './kubectl-yaml.ts';

const value = (text: string): unknown => readYaml(text)?.value;

describe('a document is read as kubectl reads it', () => {
  it.each([
    ['0400', 256],
    ['0o14', 12],
    ['08', 8],
    ['1_000', 1000],
    ['-0b11', -3],
    ['0b-11', -3],
    ['0B-11', '0B-11'],
    ['0x1F', 31],
    ['1e3', 1000],
    ['18446744073709551615', 18446744073709551615n],
    ['yes', true],
    ['off', false],
    ['~', null],
    ['1:30', '1:30'],
    ['2001-01-01', '2001-01-01'],
    ['=', '='],
    ['_1', '_1'],
  ])('%s is %s', (text, expected) => expect(plainValue(text)).toBe(expected));

  it('quotes make a text of everything', () => {
    expect(value('{a: "yes", b: \'0400\', "on": 1, "y": 2}')).toEqual({ a: 'yes', b: '0400', on: 1, y: 2 });
  });

  it('<< merges, and keys behind it win', () => {
    expect(value('a: &s {b: 1, c: 1}\nd: {<<: *s, c: 2}')).toEqual({ a: { b: 1, c: 1 }, d: { b: 1, c: 2 } });
  });

  it('of the same key twice the last holds', () => expect(value('a: 1\na: 2')).toEqual({ a: 2 }));

  it('what is too deep for any reader is told as that', () => {
    const text = `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    expect(() => value(text)).toThrow('lists and maps stand too deep in one another');
  });

  it('a key named __proto__ is one like any other', () => {
    expect(Object.keys(value('__proto__: {a: 1}') as object)).toEqual(['__proto__']);
  });

  it.each(['k: {{ .Values.x }}', 'a: *nowhere', 'a: &a [*a]', 'a: !!binary aGk=', 'a: [', '? [a]\n: b', '{<<: 1}'])(
    '%j is none',
    (text) => expect(() => value(text)).toThrow(YamlProblem),
  );

  it('aliases of aliases are not followed without end', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`);
    expect(() => value(`a0: &a0 [x]\n${levels.join('\n')}`)).toThrow('aliases of aliases');
  });
});

it('texts are split at lines of three dashes alone', () => {
  const text = 'a: |\n  ---\n  x\n--- # next\nb: 1\n---\r\n--- {c: 1}\n';
  expect(splitYaml(text).map((one) => one.text)).toEqual(['a: |\n  ---\n  x\n', 'b: 1\n', '--- {c: 1}\n']);
});

it('JSON objects one behind the other are documents, as kubectl and jq have them', () => {
  const texts = ['{"a": "}{\\""}', '\n{"b": [{}, {"c": "["}]}', ' {"d": 1}\n'];
  expect(splitYaml(texts.join('')).map((one) => one.text)).toEqual(texts);
  const lines = splitYaml(`${texts.join('')}---\n{}\n{}`);
  expect(lines.map(({ offset, text }) => `${texts.join('')}---\n{}\n{}`.slice(offset, offset + text.length))).toEqual([
    ...texts,
    '{}',
    '\n{}',
  ]);
  for (const one of ['{a: "}{"}\n', '{"a": 1}\n# end\n', "{a: '}'}", '{"a": 1} {', '{{ .Values.x }}\n{{ .Values.y }}'])
    expect(splitYaml(one).map(({ text }) => text)).toEqual([one]);
});

const go = goReader();
afterAll(() => go.close());
if (go.missing !== undefined) console.warn(`not compared with ${go.name}: ${go.missing}`);

describe.skipIf(go.missing !== undefined)(`stands against ${go.name}`, () => {
  it('for every scalar without quotes', () => {
    const piece = fc.constantFrom(
      ...['0', '1', '7', '8', '9', '_', '.', '-', '+', 'e', 'E', 'x', 'o', 'b', 'f', 'F', ':', 'y', 'n', 'on', 'no'],
      ...['yes', 'true', 'null', '~', 'inf', '.nan', '0x', '0b', '0o', 'T', 'Z', '18446744073709551616', '=', '<'],
    );
    const texts = fc
      .sample(fc.array(piece, { minLength: 1, maxLength: 5 }), 5000)
      .map((pieces) => pieces.join(''))
      .filter((text) => !/^[-?:](\s|$)|:$|^-+$|^[.]{3}$/.test(text));
    const readings = go.read(texts.map((text) => `[${text}]`));
    const wrong = texts.filter((text, index) => {
      const reading = readings[index];
      const ours = plainValue(text);
      // JSON has no infinity, and loses digits of large numbers.
      if ('error' in reading || (typeof ours === 'number' && !Number.isFinite(ours))) return false;
      const [theirs] = reading.value as unknown[];
      return theirs !== (typeof ours === 'bigint' ? Number(ours) : ours);
    });
    expect(wrong).toEqual([]);
  });

  it('for maps, keys, merges and aliases', () => {
    const texts = [
      'on: 1\ny: 2\n1: 3\n1.5: 4\nfalse: 5',
      'a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}',
      'a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd: {<<: [*x, *y]}',
      'a: &x {b: 1}\nd: {b: 5, <<: *x}',
      'a: 1\na: 2',
      'a: |\n  x\n   y\nb: >-\n  x\n  y\n\n  z\n',
      'a: !!str 012\nb: !!int "3"\nc: !mine x',
      'a:\nb: []\nc: {}\n? d\n: e\n',
      '[<<]',
      'a: "\\u00e9\\x41\\\n  b"',
    ];
    const readings = go.read(texts);
    expect(texts.map((text) => ({ value: value(text) }))).toEqual(readings);
  });
});
