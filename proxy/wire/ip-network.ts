import { type IpAddress, parseCidr, parseIp as readIp } from '../../lib/contract/cidr.ts';

export type { IpAddress } from '../../lib/contract/cidr.ts';

/** Of the addresses that carry one of IPv4 (RFC 4291 section 2.5.5.2): sockets of both families show clients so. */
const mappedPrefix = 0xffffn;
const mappedLength = 96;

const isMapped = ({ version, bits }: IpAddress): boolean => version === 6 && bits >> 32n === mappedPrefix;
const unmapped = ({ bits }: IpAddress): IpAddress => ({ bits: bits & 0xffffffffn, version: 4 });

/** Reads an address in text form; `::ffff:a.b.c.d` is taken for IPv4. Undefined when it is none. */
export function parseIp(text: string): IpAddress | undefined {
  const address = readIp(text);
  return address !== undefined && isMapped(address) ? unmapped(address) : address;
}

/** The text form of RFC 5952, without `::` folding of IPv6 beyond what is needed to read it back. */
export function formatIp(address: IpAddress): string {
  if (address.version === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => (address.bits >> shift) & 0xffn).join('.');
  }
  const groups = Array.from({ length: 8 }, (_, i) => ((address.bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const text = groups.join(':');
  const zeros = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length)[0];
  if (zeros === undefined) return text;
  const before = text.slice(0, zeros.index);
  const after = text.slice(zeros.index + zeros[0].length);
  return `${before}:${after === '' ? ':' : after}`.replace(/^:(?!:)/, '::');
}

/** True for the addresses of this host alone, in text form: 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** `host:port`, with an IPv6 host in brackets. */
export function formatHostPort(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Addresses that share a prefix. */
export class IpNetwork {
  private readonly version: 4 | 6;
  private readonly prefix: bigint;
  private readonly shift: bigint;

  constructor(address: IpAddress, prefixLength: number) {
    this.version = address.version;
    this.shift = BigInt((address.version === 4 ? 32 : 128) - prefixLength);
    this.prefix = address.bits >> this.shift;
  }

  /** Reads `10.0.0.0/8` or a single address. Undefined when it is neither. */
  static parse(text: string): IpNetwork | undefined {
    const network = parseCidr(text);
    if (network === undefined) return undefined;
    const { version, bits, prefixLength } = network;
    if (prefixLength < mappedLength || !isMapped(network)) return new IpNetwork({ version, bits }, prefixLength);
    return new IpNetwork(unmapped(network), prefixLength - mappedLength);
  }

  /** As `parse` reads it. */
  toString(): string {
    const { version, prefix, shift } = this;
    return `${formatIp({ bits: prefix << shift, version })}/${(version === 4 ? 32 : 128) - Number(shift)}`;
  }

  contains(address: IpAddress): boolean {
    return address.version === this.version && address.bits >> this.shift === this.prefix;
  }
}
