import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isWithin, parseCidr } from '../../../lib/contract/cidr.ts';
import type { EgressNetwork } from '../../../lib/kinds/egress-network.ts';
import { EgressIndex } from './egress-index.ts';

interface Given {
  readonly name: string;
  readonly namespace?: string;
  /** Day of its creation; undefined for a manifest, which has none. */
  readonly day?: number;
  readonly networks?: readonly { readonly cidr: string; readonly except?: readonly string[] }[];
  readonly policy?: string;
}
const network = ({ name, namespace = 'mesh', day, networks, policy = 'Deny' }: Given): EgressNetwork => ({
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'EgressNetwork',
  metadata: { name, namespace, creationTimestamp: day === undefined ? undefined : `2026-01-${10 + day}T00:00:00Z` },
  spec: { trafficPolicy: policy as 'Deny', networks },
});
function index(...given: Given[]): EgressIndex {
  const all = new EgressIndex();
  for (const each of given) all.set(network(each), false);
  return all;
}
const held = (all: EgressIndex, ip: string, client: string | undefined = 'shop') =>
  all.holding(ip, client, 'mesh')?.key;
const of = (cidr: string, except?: string[]) => [{ cidr, except }];

describe('an address is held', () => {
  test.each<[string, Given[], string | undefined]>([
    ['by nobody', [], undefined],
    ['by one of all addresses', [{ name: 'all' }], 'mesh/all'],
    [
      'by the narrowest network',
      [
        { name: 'a', networks: of('192.0.0.0/8') },
        { name: 'b', networks: of('192.0.2.0/24') },
      ],
      'mesh/b',
    ],
    [
      'by the narrowest of one object',
      [
        { name: 'a', networks: of('192.0.2.0/25') },
        { name: 'b', networks: [...of('0.0.0.0/0'), ...of('192.0.2.1')] },
      ],
      'mesh/b',
    ],
    ['not where it is excepted', [{ name: 'a', networks: of('192.0.2.0/24', ['192.0.2.1']) }], undefined],
    [
      'by the oldest of the same width',
      [
        { name: 'a', day: 2 },
        { name: 'b', day: 1 },
      ],
      'mesh/b',
    ],
    [
      'by the first name of the same age',
      [
        { name: 'b', day: 1 },
        { name: 'a', day: 1 },
      ],
      'mesh/a',
    ],
    [
      'by the client’s own namespace first',
      [
        { name: 'a', networks: of('192.0.2.1') },
        { name: 'own', namespace: 'shop' },
      ],
      'shop/own',
    ],
    [
      'by nobody where the client’s own namespace has some, and none has it',
      [{ name: 'a' }, { name: 'own', namespace: 'shop', networks: of('198.51.100.0/24') }],
      undefined,
    ],
    ['by no other namespace', [{ name: 'a', namespace: 'other' }], undefined],
    ['by no network of the other version', [{ name: 'a', networks: of('::/0') }], undefined],
  ])('%s', (_name, given, expected) => expect(held(index(...given), '192.0.2.1')).toBe(expected));
});

test('a client without a namespace has those of the mesh', () =>
  expect(index({ name: 'a' }).holding('2001:db8::1', undefined, 'mesh')?.key).toBe('mesh/a'));

test('one that is deleted holds nothing', () => {
  const all = index({ name: 'a' });
  all.set(network({ name: 'a' }), true);
  expect([held(all, '192.0.2.1'), [...all.all()]]).toEqual([undefined, []]);
});

describe('what cannot be read', () => {
  const read = (spec: unknown) => {
    const all = new EgressIndex();
    all.set({ ...network({ name: 'a' }), spec: spec as EgressNetwork['spec'] }, false);
    return all.holding('192.0.2.1', 'shop', 'mesh')?.trafficPolicy;
  };
  test.each<[string, unknown, string | undefined]>([
    ['in place of a policy denies', { trafficPolicy: 'Allowed' }, 'Deny'],
    ['in place of all of it denies', undefined, 'Deny'],
    ['in place of networks denies everywhere', { trafficPolicy: 'Deny', networks: 'all' }, 'Deny'],
    ['in place of networks allows nowhere', { trafficPolicy: 'Allow', networks: 'all' }, undefined],
    [
      'in place of an exception excepts nothing from denial',
      { trafficPolicy: 'Deny', networks: [{ cidr: '192.0.2.0/24', except: ['x'] }] },
      'Deny',
    ],
    [
      'in place of an exception takes its network from what is allowed',
      { trafficPolicy: 'Allow', networks: [{ cidr: '192.0.2.0/24', except: ['x'] }] },
      undefined,
    ],
    [
      'in place of one network leaves the others',
      { trafficPolicy: 'Deny', networks: [null, { cidr: 7 }, { cidr: '192.0.2.0/24' }] },
      'Deny',
    ],
  ])('%s', (_name, spec, expected) => expect(read(spec)).toBe(expected));
});

test('for any networks and addresses, the one that holds has it, and none that has it is narrower, or older, or before it', () => {
  const octet = fc.integer({ min: 0, max: 3 });
  const ip = fc.tuple(octet, octet).map(([a, b]) => `192.0.${a}.${b}`);
  const cidr = fc.tuple(ip, fc.integer({ min: 16, max: 32 })).map(([base, length]) => `${base}/${length}`);
  const one = fc.record({ cidr, except: fc.array(cidr, { maxLength: 2 }) });
  const objects = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      day: fc.integer({ min: 1, max: 2 }),
      networks: fc.array(one, { minLength: 1, maxLength: 3 }),
    }),
    { selector: ({ name }) => name, maxLength: 5 },
  );
  fc.assert(
    fc.property(objects, ip, (given, address) => {
      const candidates = given
        .flatMap(({ name, day, networks }) =>
          networks
            .filter((each) => isWithin(address, [each.cidr]) && !isWithin(address, each.except))
            .map((each) => ({ name, day, length: parseCidr(each.cidr)!.prefixLength })),
        )
        .sort((a, b) => b.length - a.length || a.day - b.day || (a.name < b.name ? -1 : 1));
      expect(held(index(...given), address)).toBe(candidates.length === 0 ? undefined : `mesh/${candidates[0].name}`);
    }),
    { numRuns: 500 },
  );
});
