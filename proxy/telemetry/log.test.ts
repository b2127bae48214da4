import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LimitedLog } from './limited-log.ts';
import { Log } from './log.ts';

function logged(filter: string, format: 'plain' | 'json' = 'plain') {
  const lines: string[] = [];
  const log = new Log(
    filter,
    format,
    (line) => lines.push(line),
    () => new Date(0),
  );
  return { log, lines };
}

describe('log filter', () => {
  it.each([
    ['WARN', 'warn'],
    ['Info', 'info'],
    ['warn,linkerd=DEBUG', 'debug'],
    ['warn,tulle=error', 'error'],
    ['debug,linkerd_app=off', 'debug'],
    ['info,[{headers}]=off,[{request}]=off', 'info'],
    ['info, [http{name=web}]=trace,', 'info'],
    ['off', 'off'],
  ] as const)('%s sets %s', (filter, level) => {
    const { log } = logged(filter);
    const levels = (['trace', 'debug', 'info', 'warn', 'error'] as const).filter((each) => log.writes(each));
    expect(levels[0] ?? 'off').toBe(level);
  });

  it('names the directive that is none', () => {
    expect(() => logged('warn,linkerd=loud,info')).toThrow(
      "'linkerd=loud' is no log directive: write a level (trace, debug, info, warn, error, off) or target=level",
    );
  });
});

describe('log', () => {
  it('in JSON what an event says stands in fields, as in the log of Linkerd', () => {
    const { log, lines } = logged('info', 'json');
    log.warn('connecting failed', { address: '10.0.0.1', port: 80, detail: undefined });
    expect(lines).toEqual([
      '{"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","fields":{"message":"connecting failed","address":"10.0.0.1","port":80},"target":"tulle"}\n',
    ]);
  });

  it('a value cannot begin a line of its own, and has a bound', () => {
    const { log, lines } = logged('info');
    log.info('denied', { path: '/a\n1970 INFO granted\u001b[31m\u2028', long: 'x'.repeat(10_000), none: undefined });
    expect(lines).toEqual([
      `1970-01-01T00:00:00.000Z INFO  denied path=/a\\n1970 INFO granted\\u001b[31m\\u2028 long=${'x'.repeat(4096)}...\n`,
    ]);
  });
});

describe('whatever stands in a message and its fields', () => {
  /** Lines, colours and directions of writing among other text. */
  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        '\n',
        '\r',
        '\u001b[2K',
        '\u0000',
        '\u009b',
        '\u2028',
        '\u202e',
        '\ud800',
        '\udc00',
        '"',
        '\\',
        ' a=',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
    ),
  });
  const control = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069]/u;

  it('is one line without control characters, in JSON one that says the same', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (message, first, second) => {
        for (const format of ['plain', 'json'] as const) {
          const { log, lines } = logged('info', format);
          log.info(message, { first, second });
          expect(lines).toHaveLength(1);
          expect(lines[0].endsWith('\n')).toBe(true);
          expect(lines[0].slice(0, -1)).not.toMatch(control);
          if (format === 'json') expect(JSON.parse(lines[0]).fields).toEqual({ message, first, second });
        }
      }),
    );
  });

  it('has a bound, each value and the line', () => {
    for (const format of ['plain', 'json'] as const) {
      const { log, lines } = logged('info', format);
      const long = '\u001b'.repeat(100_000);
      log.info(long, Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field${i}`, long])));
      expect(lines[0].length).toBeLessThan(6 * 8192 + 1000);
    }
  });

  it('a value cannot be taken for a field behind it', () => {
    const { log, lines } = logged('info');
    log.info('denied', { name: 'web client_id=admin', why: 'not "here", said it', port: 80 });
    expect(lines[0]).toMatch(/denied name="web client_id=admin" why=not "here", said it port=80\n$/);
  });
});

describe('limited log', () => {
  it('tells the first event of a key at once, counts those that follow, and tells their number later', () => {
    const { log, lines } = logged('warn');
    let now = 0;
    const limited = new LimitedLog({ log, nowMs: () => now });
    const fail = (endpoint: string): void => limited.warn(endpoint, 'connecting failed', { endpoint });
    for (let i = 0; i < 1000; i++) fail('10.0.0.1:80');
    fail('10.0.0.2:80');
    now = 9999;
    fail('10.0.0.1:80');
    now = 10_000;
    fail('10.0.0.1:80');
    fail('10.0.0.2:80');
    limited.info('other', 'not written');
    expect(lines.map((line) => line.slice(31).trim())).toEqual([
      'connecting failed endpoint=10.0.0.1:80',
      'connecting failed endpoint=10.0.0.2:80',
      'connecting failed endpoint=10.0.0.1:80 unsaid=1000',
      'connecting failed endpoint=10.0.0.2:80',
    ]);
  });

  it('remembers no more keys than it is told to', () => {
    const { log, lines } = logged('warn');
    const limited = new LimitedLog({ log, nowMs: () => 0, maxKeys: 2 });
    for (const key of ['a', 'b', 'c', 'c', 'b', 'a']) limited.warn(key, key);
    expect(lines.map((line) => line.trim().at(-1))).toEqual(['a', 'b', 'c', 'a']);
  });

  it('has a bound on the lines of all keys, and tells of each event that makes none', () => {
    const { log, lines } = logged('warn');
    let now = 0;
    let unsaid = 0;
    const limited = new LimitedLog({ log, nowMs: () => now, maxLines: 3, onUnsaid: () => void unsaid++ });
    for (let i = 0; i < 100; i++) limited.warn(`port ${i}`, `port ${i}`);
    expect([lines.length, unsaid]).toEqual([3, 97]);
    now = 10_000;
    limited.warn('port 99', 'port 99');
    expect([lines.length, unsaid]).toEqual([4, 97]);
  });
});
