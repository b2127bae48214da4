import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type Update, UpdateSchema } from '../../api/gen/destination_pb.js';
import { EndpointReader } from './endpoint-from-api.ts';
import { EndpointSet } from './endpoint-set.ts';

const address = (last: number, port = 80) => ({
  ip: { ip: { case: 'ipv4' as const, value: 0x0a000000 + last } },
  port,
});
const add = (...lasts: number[]): Update =>
  create(UpdateSchema, {
    update: {
      case: 'add',
      value: {
        addrs: lasts.map((last) => ({ addr: address(last), weight: 10_000 })),
        metricLabels: { service: 'web' },
      },
    },
  });
const remove = (...lasts: number[]): Update =>
  create(UpdateSchema, { update: { case: 'remove', value: { addrs: lasts.map((last) => address(last)) } } });
const addresses = (set: EndpointSet) => [...set.endpoints].map((endpoint) => endpoint.address);

test('updates add to and take from what is known', () => {
  const set = new EndpointSet(new EndpointReader(new Set(), () => {}));
  set.apply(add(1, 2), true);
  set.apply(add(3), false);
  set.apply(remove(1), false);
  expect(addresses(set)).toEqual(['10.0.0.2', '10.0.0.3']);
});

test('the first update of a new stream replaces what was known', () => {
  const set = new EndpointSet(new EndpointReader(new Set(), () => {}));
  set.apply(add(1, 2), true);
  set.apply(add(3), true);
  expect(addresses(set)).toEqual(['10.0.0.3']);
});

test('an endpoint that cannot be used any more is one less', () => {
  const set = new EndpointSet(new EndpointReader(new Set(), () => {}));
  set.apply(add(1, 2), true);
  set.apply(
    create(UpdateSchema, { update: { case: 'add', value: { addrs: [{ addr: address(1), tlsIdentity: {} }] } } }),
    false,
  );
  expect(addresses(set)).toEqual(['10.0.0.2']);
});

test('no_endpoints empties the set and says whether there is a service', () => {
  const set = new EndpointSet(new EndpointReader(new Set(), () => {}));
  set.apply(add(1), true);
  set.apply(create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: false } } }), false);
  expect([set.size, set.exists]).toEqual([0, false]);
});
