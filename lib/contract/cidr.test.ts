import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, isCidr, isWithin, parseCidr, parseIp, subnetList } from './cidr.ts';

describe('addresses and networks', () => {
  it('are read exactly where Node reads an address', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      '10',
      '255',
      '256',
      '01',
      'ffff',
      'g',
      '',
      '::',
      ':',
      '.',
      '1.2.3.4',
      'fd00',
    );
    const almost = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), almost), (text) => {
        expect(parseIp(text)?.version ?? 0).toBe(isIP(text));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', 'fd00:::/8', '010.0.0.0/8', 'web'])(
    '%j is neither',
    (text) => expect(parseCidr(text)).toBeUndefined(),
  );

  it('an address is no network, but lies in one', () => {
    expect(isCidr('10.1.2.3')).toBe(false);
    expect(isWithin('10.1.2.3', ['192.168.0.0/16', '10.0.0.0/8'])).toBe(true);
    expect(isWithin('::ffff:10.1.2.3', ['10.0.0.0/8'])).toBe(false);
    expect(isWithin('nonsense', ['10.0.0.0/8'])).toBe(false);
  });

  it('a network lies in one that is as long or shorter', () => {
    const within = (outer: string, inner: string) => cidrContains(parseCidr(outer)!, parseCidr(inner)!);
    expect(within('10.0.0.0/8', '10.2.0.0/16')).toBe(true);
    expect(within('10.2.0.0/16', '10.0.0.0/8')).toBe(false);
    expect(within('fd00::/8', 'fdff:1::/64')).toBe(true);
    expect(within('0.0.0.0/0', '::/0')).toBe(false);
  });

  it('a list is read whole or not at all', () => {
    expect(subnetList.read('10.0.0.0/8, fd00::/8')).toEqual(['10.0.0.0/8', 'fd00::/8']);
    expect(subnetList.read('10.0.0.0/8,10.0.0.1')).toBeUndefined();
  });
});
