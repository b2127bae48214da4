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
});
