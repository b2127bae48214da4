import { isIPv4, isIPv6 } from 'node:net';
import { ipToApi } from '../destination/addresses.ts';

/** Addresses that share a prefix. */
export interface Cidr {
  readonly text: string;
  readonly version: 4 | 6;
  readonly bits: bigint;
  readonly prefixLength: number;
}

/** Reads `10.0.0.0/8` or a single address; undefined when it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [host, length, ...rest] = text.split('/');
  const version = isIPv4(host) ? 4 : isIPv6(host) ? 6 : undefined;
  if (version === undefined || rest.length > 0) return undefined;
  const width = version === 4 ? 32 : 128;
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > width)) return undefined;
  const ip = ipToApi(host)?.ip;
  const bits =
    ip?.case === 'ipv4' ? BigInt(ip.value) : ip?.case === 'ipv6' ? (ip.value.first << 64n) | ip.value.last : undefined;
  return bits === undefined
    ? undefined
    : { text, version, bits, prefixLength: length === undefined ? width : Number(length) };
}

/** True when every address of `inner` is one of `outer`. */
export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  if (outer.version !== inner.version || outer.prefixLength > inner.prefixLength) return false;
  const shift = BigInt((outer.version === 4 ? 32 : 128) - outer.prefixLength);
  return outer.bits >> shift === inner.bits >> shift;
}
