import { describe, expect, test } from 'vitest';
import { type FlagReader, Flags } from './flags.ts';

const options = { addr: { type: 'string' }, lifetime: { type: 'string' }, on: { type: 'boolean' } } as const;
const failing = (args: string[], read: (flags: FlagReader) => unknown): string => {
  try {
    Flags.parse(args, options).read(read);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

test('flags that are right are read', () => {
  const flags = Flags.parse(['--addr=127.0.0.1:80', '--lifetime', '24h0m0s', '--on'], options);
  expect(
    flags.read((read) => [
      read.address('addr', '0.0.0.0:1'),
      read.durationMs('lifetime', '1s'),
      read.isSet('on'),
      read.text('name', 'usual'),
    ]),
  ).toEqual([{ host: '127.0.0.1', port: 80 }, 86_400_000, true, 'usual']);
});

test('all that is wrong is told at once', () => {
  const told = failing(['--addr', 'here', '--lifetime=soon', '--adr=x', '--on=yes', 'more'], (flags) => {
    flags.address('addr', '0.0.0.0:1');
    flags.durationMs('lifetime', '1s');
    flags.text('config-file');
  });
  expect(told).toBe(
    '--adr is not known; --on takes no value; more is no flag; --addr (here) must be HOST:PORT; ' +
      '--lifetime (soon) must be a duration such as 20s or 24h; --config-file must be set',
  );
});

describe('a value is refused', () => {
  test.each<[string, (flags: FlagReader) => unknown, string]>([
    ['that is empty', (flags) => flags.text('addr'), '--addr must be set'],
    ['that is too short a time', (flags) => flags.durationMs('addr', '1h', 60_000), 'of 60s or more'],
    ['that is none of a few', (flags) => flags.oneOf('addr', ['a', 'b'], 'a'), 'must be one of a, b'],
    ['that is neither on nor off', (flags) => flags.onOff('addr', true), 'must be one of true, false'],
    ['that is no DNS name', (flags) => flags.dnsName('addr', 'a'), 'must be a DNS name in lower case'],
    ['that is no network', (flags) => flags.networks('addr', '10.0.0.0/8'), 'must be networks such as 10.0.0.0/8'],
    ['that names no namespace', (flags) => flags.namespaces('addr'), 'must be names of namespaces such as shop,bank'],
    ['that is no list of ports', (flags) => flags.ports('addr', '25'), 'must be ports and ranges such as 25,9200-9300'],
  ])('%s', (what, read, message) => {
    const value = what === 'that is empty' ? '' : what === 'that is too short a time' ? '5s' : '10.0.0.0/99!';
    expect(failing([`--addr=${value}`], read)).toContain(message);
  });
});

test.each([
  [[], undefined, ''],
  [['--in=shop'], ['shop'], ''],
  [['--in=shop, bank', '--in', 'x-1'], ['shop', 'bank', 'x-1'], ''],
  [['--in='], [''], '--in must name at least one namespace'],
  [['--in=shop,'], ['shop', ''], '--in (shop,) must be names of namespaces such as shop,bank'],
  [['--in=Shop'], ['Shop'], '--in (Shop) must be names of namespaces such as shop,bank'],
  [['--in=a.b'], ['a.b'], '--in (a.b) must be names of namespaces such as shop,bank'],
  [['--in=shop,bank', '--in=shop'], ['shop', 'bank', 'shop'], '--in (shop,bank,shop) must name each namespace once'],
])('the namespaces of %j are %j', (args, expected, problem) => {
  const flags = Flags.parse(args, { in: { type: 'string', multiple: true } });
  let read: string[] | undefined;
  const work = (): void =>
    flags.read((reader) => {
      read = reader.namespaces('in');
    });
  if (problem === '') work();
  else expect(work).toThrow(problem);
  expect(read).toEqual(expected);
});
