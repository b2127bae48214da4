import { expect, it } from 'vitest';
import { OwnListeners } from './own-listeners.ts';

const addresses = () => ['127.0.0.1', '10.9.0.2', '::1', 'fd00::2', 'fe80::1'];

it.each([
  ['10.9.0.2', 4140, true],
  ['::ffff:10.9.0.2', 4140, true],
  ['::ffff:0a09:0002', 4140, true],
  ['0:0:0:0:0:ffff:10.9.0.2', 4140, true],
  ['0.0.0.0', 4140, true],
  ['::', 4140, true],
  ['10.9.0.3', 4140, false],
  ['127.0.0.1', 4140, false],
  ['10.9.0.2', 4141, false],
  ['127.8.7.6', 4143, true],
  ['::1', 4143, true],
  ['::ffff:127.0.0.1', 4143, true],
  ['10.9.0.2', 4143, true],
  ['fd00:0::2', 4143, true],
  ['fe80::1%eth0', 4143, true],
  ['10.9.0.3', 4143, false],
  ['fd00::3', 4143, false],
])('%s port %i is this proxy: %s, where it listens on 10.9.0.2:4140 and 0.0.0.0:4143', (address, port, own) => {
  const listeners = new OwnListeners(
    [
      { host: '10.9.0.2', port: 4140 },
      { host: '0.0.0.0', port: 4143 },
    ],
    addresses,
  );
  expect(listeners.has(address, port)).toBe(own);
});

it('what is no address is taken for its own at its ports, and at no other', () => {
  const listeners = new OwnListeners([{ host: '10.9.0.2', port: 4140 }], addresses);
  expect([listeners.has('web', 4140), listeners.has('web', 80)]).toEqual([true, false]);
});

it('the addresses of this host are those of its interfaces', () => {
  expect(new OwnListeners([{ host: '::', port: 4143 }]).has('127.0.0.1', 4143)).toBe(true);
});
