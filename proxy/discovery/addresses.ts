import { create } from '@bufbuild/protobuf';
import {
  type IPAddress,
  IPAddressSchema,
  IPv6Schema,
  type TcpAddress,
  TcpAddressSchema,
} from '../../api/gen/net_pb.js';
import { formatIp, type IpAddress, parseIp } from '../wire/ip-network.ts';

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

export type HostKind = 'ip' | 'service' | 'other';

/** The name by which a request's host is looked up. */
export interface TargetName {
  readonly kind: HostKind;
  /** Canonical: an IP address, a fully qualified service name, or the host as it came. */
  readonly host: string;
  /** The host as it came: what is left to the resolver when discovery does not know it. */
  readonly given: string;
  readonly port: number;
}

/**
 * Completes the host of a request as a Kubernetes pod's resolver would: `web` is in the pod's namespace, `web.shop` in
 * namespace `shop`, `web.shop.svc` in this cluster. `localhost` and names that have nothing to do with services stay
 * as they are. A name with one dot may also be a host outside: discovery tells.
 */
export function targetName(host: string, port: number, namespace: string, serviceSuffix: string): TargetName {
  if (parseIp(host) !== undefined) return { kind: 'ip', host, given: host, port };
  const at = { given: host, port };
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost') return { kind: 'other', host: name, ...at };
  if (name.endsWith(`.${serviceSuffix}`)) return { kind: 'service', host: name, ...at };
  const labels = name.split('.');
  if (!labels.every((label) => /^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?$/.test(label))) return { kind: 'other', host, ...at };
  if (labels.length === 1 && namespace !== '') {
    return { kind: 'service', host: `${name}.${namespace}.${serviceSuffix}`, ...at };
  }
  if (labels.length === 2) return { kind: 'service', host: `${name}.${serviceSuffix}`, ...at };
  if (labels.length === 3 && labels[2] === 'svc') {
    return { kind: 'service', host: `${labels[0]}.${labels[1]}.${serviceSuffix}`, ...at };
  }
  return { kind: 'other', host: name, ...at };
}
