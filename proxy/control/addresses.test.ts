import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TcpAddressSchema } from '../../api/gen/net_pb.js';
import { addressFromApi } from './addresses.ts';

test('addresses of the API are read in both versions', () => {
  const ipv4 = create(TcpAddressSchema, { ip: { ip: { case: 'ipv4', value: 0x7f4d0002 } }, port: 80 });
  expect(addressFromApi(ipv4)).toEqual({ address: '127.77.0.2', port: 80 });
  const ipv6 = create(TcpAddressSchema, {
    ip: { ip: { case: 'ipv6', value: { first: 0xfd00n << 48n, last: 1n } } },
    port: 80,
  });
  expect(addressFromApi(ipv6)).toEqual({ address: 'fd00::1', port: 80 });
  expect(addressFromApi(create(TcpAddressSchema, { port: 80 }))).toBeUndefined();
});
