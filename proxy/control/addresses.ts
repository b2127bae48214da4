import { create } from '@bufbuild/protobuf';
import {
  type IPAddress,
  IPAddressSchema,
  IPv6Schema,
  type TcpAddress,
  TcpAddressSchema,
} from '../../api/gen/net_pb.js';
import { formatIp, type IpAddress } from '../wire/ip-network.ts';

/** An address of the API as bits; undefined when it carries none. */
export function ipFromApi(ip: IPAddress | undefined): IpAddress | undefined {
  if (ip?.ip.case === 'ipv4') return { bits: BigInt(ip.ip.value >>> 0), version: 4 };
  if (ip?.ip.case === 'ipv6') return { bits: (ip.ip.value.first << 64n) | ip.ip.value.last, version: 6 };
  return undefined;
}

/** An address and port as the API takes them. */
export function addressToApi({ bits, version }: IpAddress, port: number): TcpAddress {
  const ip =
    version === 4
      ? { case: 'ipv4' as const, value: Number(bits) }
      : {
          case: 'ipv6' as const,
          value: create(IPv6Schema, { first: bits >> 64n, last: bits & 0xffff_ffff_ffff_ffffn }),
        };
  return create(TcpAddressSchema, { ip: create(IPAddressSchema, { ip }), port });
}

/** Text form of an address of the API. */
export function addressFromApi(address: TcpAddress | undefined): { address: string; port: number } | undefined {
  const ip = ipFromApi(address?.ip);
  return ip === undefined || address === undefined ? undefined : { address: formatIp(ip), port: address.port };
}
