import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatHostPort, formatIp, IpNetwork, parseIp } from './ip-network.ts';

test('every IPv4 address comes back from its text', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      expect(formatIp(parseIp(text)!)).toBe(text);
    }),
  );
});

test('every IPv6 address comes back from its text with the same bits', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseIp(text)!;
      expect(parseIp(formatIp(address))).toEqual(address);
    }),
  );
});

test.each([
  ['::1', '::1'],
  ['::', '::'],
  ['2001:db8:0:0:1:0:0:0', '2001:db8:0:0:1::'],
  ['fe80::1:2', 'fe80::1:2'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
])('%s is written as %s', (text, expected) => expect(formatIp(parseIp(text)!)).toBe(expected));

test.each([
  '',
  '1.2.3',
  '1.2.3.256',
  '1.2.3.4.5',
  'localhost',
  ':',
  '1::2::3',
  '12345::',
  '1:2:3:4:5:6:7',
  '010.0.0.1',
])('%j is no address', (text) => expect(parseIp(text)).toBeUndefined());

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['0.0.0.0/0', '1.2.3.4', true],
  ['0.0.0.0/0', '::1', false],
  ['::/0', '2001:db8::1', true],
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['fd00::/8', 'fd12::9', true],
  ['::ffff:10.0.0.0/104', '10.255.0.1', true],
  ['::ffff:10.0.0.0/104', '11.0.0.1', false],
  ['::ffff:10.0.0.1', '10.0.0.1', true],
])('%s contains %s: %s', (network, address, expected) =>
  expect(IpNetwork.parse(network)!.contains(parseIp(address)!)).toBe(expected),
);

test.each(['10.0.0.0/33', '10.0.0.0/x', 'x/8', '::/129'])('%s is no network', (text) =>
  expect(IpNetwork.parse(text)).toBeUndefined(),
);

test('an IPv6 host and port are told apart by brackets', () => {
  expect(formatHostPort('::1', 80)).toBe('[::1]:80');
  expect(formatHostPort('10.0.0.1', 80)).toBe('10.0.0.1:80');
});
