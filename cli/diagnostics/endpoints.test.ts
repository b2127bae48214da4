import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { type Update, UpdateSchema } from '../../api/gen/destination_pb.js';
import { IPAddressSchema } from '../../api/gen/net_pb.js';
import { ipText } from '../../api/ip-text.ts';
import { endpointsOf, formatEndpoints } from './endpoints.ts';

const address = (last: number) => ({ ip: { ip: { case: 'ipv4' as const, value: 0x0a000000 + last } }, port: 8080 });

const add = (...pods: number[]): Update =>
  create(UpdateSchema, {
    update: {
      case: 'add',
      value: {
        metricLabels: { namespace: 'shop', service: 'web' },
        addrs: pods.map((last) => ({
          addr: address(last),
          weight: 10_000,
          metricLabels: { pod: `web-${last}` },
          protocolHint: { protocol: { case: 'h2' as const, value: {} } },
          tlsIdentity: { strategy: { case: 'dnsLikeIdentity' as const, value: { name: 'web.shop' } } },
        })),
      },
    },
  });
const remove = (last: number): Update =>
  create(UpdateSchema, { update: { case: 'remove', value: { addrs: [address(last)] } } });
const none = create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: true } } });

it('the messages of a stream come to the endpoints of now', () => {
  const [endpoint] = endpointsOf([add(1, 2), remove(2)]);
  expect(endpoint).toEqual({
    ...{ namespace: 'shop', ip: '10.0.0.1', port: 8080, pod: 'web-1', service: 'web.shop' },
    ...{ weight: 10_000, http2: true, identity: 'web.shop', labels: { pod: 'web-1' } },
  });
  expect(endpointsOf([add(1), none])).toEqual([]);
  expect(endpointsOf([none, add(3)])).toHaveLength(1);
});

it('are shown in the order of their addresses', () => {
  expect(formatEndpoints(endpointsOf([add(2, 1)]))).toBe(
    'NAMESPACE   IP         PORT   POD     SERVICE\n' +
      'shop        10.0.0.1   8080   web-1   web.shop\n' +
      'shop        10.0.0.2   8080   web-2   web.shop\n',
  );
});

it('are shown with their weights, identities, and whether HTTP/2 carries requests there, where more is asked for', () => {
  expect(formatEndpoints(endpointsOf([add(1)]), true)).toBe(
    'NAMESPACE   IP         PORT   POD     SERVICE    WEIGHT   HTTP2   IDENTITY\n' +
      'shop        10.0.0.1   8080   web-1   web.shop   10000    yes     web.shop\n',
  );
});

it('addresses are told in their usual form', () => {
  const text = (ip: Parameters<typeof create<typeof IPAddressSchema>>[1]) => ipText(create(IPAddressSchema, ip));
  expect(text({ ip: { case: 'ipv4', value: 0xfffefdfc } })).toBe('255.254.253.252');
  expect(text({ ip: { case: 'ipv6', value: { first: 0xfd00_0000_0000_0000n, last: 1n } } })).toBe('fd00::1');
});
