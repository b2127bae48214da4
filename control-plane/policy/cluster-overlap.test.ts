import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isWithin, parseCidr } from '../../lib/contract/cidr.ts';
import { clusterOverlap } from './cluster-overlap.ts';

test.each<[string, string[], string | undefined]>([
  ['192.0.2.0/24', [], undefined],
  ['10.1.0.0/16', [], '10.0.0.0/8'],
  ['0.0.0.0/0', [], '10.0.0.0/8'],
  ['0.0.0.0/0', ['10.0.0.0/8'], undefined],
  ['0.0.0.0/0', ['10.0.0.0/9'], '10.0.0.0/8'],
  ['0.0.0.0/0', ['10.0.0.0/9', '10.128.0.0/9'], undefined],
  ['10.1.0.0/16', ['10.0.0.0/8'], undefined],
  ['::/0', ['fd00::/8'], undefined],
  ['::/0', [], 'fd00::/8'],
  ['of nothing', [], undefined],
])('%s except %j reaches into %s', (cidr, except, expected) =>
  expect(clusterOverlap({ cidr, except }, ['10.0.0.0/8', 'fd00::/8'])).toBe(expected),
);

test('there is no overlap exactly when no address is of both and of no exception', () => {
  const network = fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }))
    .map(([last, length]) => `192.0.2.${last}/${length}`);
  const addresses = Array.from({ length: 256 }, (_, last) => `192.0.2.${last}`);
  fc.assert(
    fc.property(network, fc.array(network, { maxLength: 6 }), network, (cidr, except, own) => {
      const shared = addresses.some((ip) => isWithin(ip, [cidr]) && isWithin(ip, [own]) && !isWithin(ip, except));
      expect(clusterOverlap({ cidr, except }, [own])).toBe(shared ? own : undefined);
      expect(parseCidr(own)).toBeDefined();
    }),
  );
});
