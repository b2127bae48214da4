import { isIPv4, isIPv6 } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type IPAddress, IPAddressSchema, type TcpAddress, TcpAddressSchema } from '../../api/gen/net_pb.js';
import { canonicalIp } from '../cluster/canonical-ip.ts';

/** An address in text as the API writes it; undefined when it is none, and for one with a zone, which it cannot say. */
export function ipToApi(text: string): IPAddress | undefined {
  if (isIPv4(text)) {
    const value = text.split('.').reduce((bits, octet) => bits * 256 + Number(octet), 0);
    return create(IPAddressSchema, { ip: { case: 'ipv4', value } });
  }
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const groups = expand(text);
  const half = (from: number): bigint =>
    groups.slice(from, from + 4).reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
  return create(IPAddressSchema, { ip: { case: 'ipv6', value: { first: half(0), last: half(4) } } });
}

export function addressToApi(ip: string, port: number): TcpAddress | undefined {
  const address: MessageInitShape<typeof IPAddressSchema> | undefined = ipToApi(ip);
  return address === undefined ? undefined : create(TcpAddressSchema, { ip: address, port });
}

/** The eight groups of a valid IPv6 address. */
function expand(text: string): number[] {
  const ipv4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = ipv4
    ? `${ipv4[1]}${(Number(ipv4[2]) * 256 + Number(ipv4[3])).toString(16)}:${(Number(ipv4[4]) * 256 + Number(ipv4[5])).toString(16)}`
    : text;
  const [left, right] = plain.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = right === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...new Array<string>(zeros).fill('0'), ...(right ?? [])].map((group) => Number.parseInt(group, 16));
}

/** Text form of an address of the API; undefined when it carries none. */
export function addressFromApi(address: TcpAddress): { ip: string; port: number } | undefined {
  const ip = address.ip?.ip;
  if (ip?.case === 'ipv4') {
    return { ip: [24, 16, 8, 0].map((shift) => (ip.value >>> shift) & 0xff).join('.'), port: address.port };
  }
  if (ip?.case !== 'ipv6') return undefined;
  const groups = [ip.value.first, ip.value.last].flatMap((half) =>
    [48n, 32n, 16n, 0n].map((shift) => ((half >> shift) & 0xffffn).toString(16)),
  );
  return { ip: canonicalIp(groups.join(':')), port: address.port };
}
