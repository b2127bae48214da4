import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PatternError, patternProblem } from '../../lib/contract/pattern.ts';
import { Pattern } from './pattern.ts';

/** What the runtime's own engine says of whole texts. */
const native = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);

const patterns = [
  ...['', 'a', 'abc', 'a|b|', '(a|b)*', '(?:ab)+', 'a?b?c?', 'a{2}', 'a{2,}', 'a{1,3}', '(a{0,2}b){2,3}', 'x*y+z?'],
  ...['/books/\\d+', '/api/v[0-9]+/users(/.*)?', '[^/]*/[a-z-]+', '.*', '.+x', '.*canary.*', '\\w+\\.html?', '\\x61+'],
  ...['(a|ab)(c|bcd)(d*)', '(a*)*', '(a*)+b', '(a|a)*b', '(?<name>ab)?c', '[\\]a]+', '[^\\d\\s]', 'a{,2}', '{', '[b-]'],
  ...['(a+)+$', '^ab$', '^a$|^b$', '\\/a\\/', '\\u0061b', '(?:a?){5}a{5}', '()', '(|a)b', '[\\w.]+@[a-c]'],
];
const alphabet = ['a', 'b', 'c', 'd', '/', '.', '0', ' ', '-', 'x', 'canary', 'books', '\n', 'é'];

/** A small generator that gives the same numbers each time. */
function random(): (below: number) => number {
  let state = 12_345;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % below;
  };
}

describe('a pattern', () => {
  it.each(patterns)('%j fits what the runtime’s engine says it fits', (text) => {
    const pattern = new Pattern(text);
    const next = random();
    for (let i = 0; i < 1000; i++) {
      const subject = Array.from({ length: next(8) }, () => alphabet[next(alphabet.length)]).join('');
      expect([subject, pattern.test(subject)]).toEqual([subject, native(text).test(subject)]);
    }
  });

  it('may be of any shape', () => {
    const next = random();
    const make = (depth: number): string => {
      const kind = depth === 0 ? next(3) : next(7);
      if (kind < 2) return 'abc'[next(3)];
      if (kind === 2) return ['.', '[ab]', '[^a]'][next(3)];
      if (kind === 3) return `${make(depth - 1)}${make(depth - 1)}`;
      if (kind === 4) return `(${make(depth - 1)}|${make(depth - 1)})`;
      return `(?:${make(depth - 1)})${['*', '+', '?', '{2}', '{0,2}', '{1,}'][next(6)]}`;
    };
    for (let i = 0; i < 300; i++) {
      const text = make(3);
      const pattern = new Pattern(text);
      for (let j = 0; j < 30; j++) {
        const subject = Array.from({ length: next(7) }, () => 'abcd'[next(4)]).join('');
        expect([text, subject, pattern.test(subject)]).toEqual([text, subject, native(text).test(subject)]);
      }
    }
  });

  it.each([
    ['(?i)abc', 'aBC', true],
    ['(?i:a)b', 'AB', false],
    ['a(?-i:b)', 'aB', false],
    ['(?s).*', 'a\nb', true],
    ['.*', 'a\nb', false],
    ['(?P<id>\\d+)', '12', true],
    ['\\p{Lu}+', 'ÄÖ', true],
    ['[а-я]+', 'привет', true],
    ['[^a]', '€', true],
    ['(?i)^/a$', '/A', true],
    ['(?i)(?s)^/a.*', '/A\nb', true],
    ['[[:alpha:]_]+[[:digit:][:punct:]]', 'a_b]', true],
    ['[^[:space:]/]', '/', false],
    ['[a\\\\]+', 'a\\', true],
    ['[a\\[]+', 'a[', true],
  ])('%s takes flags, names and characters as they are written: %s', (pattern, text, fits) => {
    expect(new Pattern(pattern).test(text)).toBe(fits);
  });

  it.each([
    ['(a)\\1', 'refers to'],
    ['\\k<a>', 'refers to'],
    ['(?=a)', 'looks around'],
    ['(?!a)', 'looks around'],
    ['(?<=a)b', 'looks around'],
    ['a\\bb', "'\\b' is not understood"],
    ['\\Aa', "'\\A' is not understood"],
    ['a^b', 'stands inside'],
    ['(a$)', 'stands inside'],
    ['*a', 'nothing to repeat'],
    ['a**', 'nothing to repeat'],
    ['a(?i)?', 'nothing to repeat'],
    ['^{2}', 'nothing to repeat'],
    ['a|{1,}', 'nothing to repeat'],
    ['(a', 'not closed'],
    ['a)', 'not opened'],
    ['[a', 'not closed'],
    ['[[a]]', 'inside another'],
    ['[\\\\[a]', 'inside another'],
    ['[[:^alpha:]]', "'[:^alpha:]' is not understood"],
    ['[[:letter:]]', "'[:letter:]' is not understood"],
    ['[]a]', 'begins with ]'],
    ['[^]a]', 'begins with ]'],
    ['\\pL', "'\\p' is not understood"],
    ['[\\PL]', "'\\P' is not understood"],
    ['\\p{scx:Greek}', "'\\p' is not understood"],
    ['\\x{41}', "'\\x' is not understood"],
    ['\\x4', "'\\x' is not understood"],
    ['\\u{41}', "'\\u' is not understood"],
    ['[\\u{41}]', "'\\u' is not understood"],
    ['[z-a]', 'out of order'],
    ['a{3,2}', 'before it begins'],
    ['a{1001}', 'further than'],
    ['(a{20}){20}', 'more than 200'],
    ['a\\', 'backslash'],
    ['('.repeat(60), 'nested'],
    ['a'.repeat(5000), 'longer than'],
  ])('%j is refused: %s', (text, problem) => {
    expect(() => new Pattern(text)).toThrow(problem);
  });
});

describe('the time that a text takes', () => {
  /** Each is quadratic, or worse, for an engine that goes back. */
  const explosive = [
    ...['(a+)+b', '(a*)*b', '(a|a)*b', '(a|aa)+b', '.*.*.*.*x', '(.*)*x', '(a?){50}a{50}', '([a-z]+)*1'],
    ...['(\\w+\\s?)*!', '(.*a){20}', '(a|b|ab)*c', '/(.*)/(.*)/(.*)/(.*)z'],
  ];
  it.each(explosive)('grows with its length only: %s', (text) => {
    const pattern = new Pattern(text);
    const subjects = ['a'.repeat(20_000), '/a'.repeat(10_000), 'ab'.repeat(10_000), 'a '.repeat(10_000)];
    const startMs = performance.now();
    for (const subject of subjects) pattern.test(subject);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  it('holds where a pattern has more states than are kept', () => {
    const pattern = new Pattern('(a|b)*a(a|b){12}');
    const next = random();
    const text = Array.from({ length: 5000 }, () => 'ab'[next(2)]).join('');
    const startMs = performance.now();
    expect(pattern.test(text)).toBe(native('(a|b)*a(a|b){12}').test(text));
    expect(performance.now() - startMs).toBeLessThan(1000);
  });
});

it('what the control plane is told of a pattern is what the proxy makes of it', () => {
  const part = fc.constantFrom(
    ...'ab(|)[]{}*+?^$\\.,:<>=!12iPkbdpLu-'.split(''),
    '(?i)',
    '(?P<n>',
    '\\p{Lu}',
    '{250}',
    '[z-a]',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      expect([text, patternProblem(text)]).toEqual([text, refusal(text)]);
    }),
    { numRuns: 5000 },
  );
});

/** Why the proxy refuses a pattern. */
function refusal(text: string): string | undefined {
  try {
    new Pattern(text);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(PatternError);
    return (error as Error).message;
  }
}
