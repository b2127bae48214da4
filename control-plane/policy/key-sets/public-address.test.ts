import { expect, it } from 'vitest';
import { isPublicAddress, plainAddress } from './public-address.ts';

it.each(['1.1.1.1', '100.63.255.255', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
  '%s is of the internet',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

it.each([
  ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '192.168.1.1', '100.64.0.1', '169.254.169.254'],
  ...['224.0.0.1', '255.255.255.255', '198.18.0.1', '192.0.0.192', '::', '::1', 'fe80::1', 'fc00::1', 'fd00:ec2::254'],
  ...['ff02::1', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1'],
  ...['fe80::1%eth0', 'localhost', '', '127.1', '0x7f000001'],
])('%j is not', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it('an address of IPv4 within IPv6 is what it is', () => {
  expect(plainAddress('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(plainAddress('0:0:0:0:0:FFFF:0A00:0001')).toBe('10.0.0.1');
  expect(isPublicAddress('::ffff:1.1.1.1')).toBe(true);
});
