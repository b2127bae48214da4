/** An IP address as one number: 32 bits of IPv4 or 128 of IPv6. */
export interface IpAddress {
  readonly bits: bigint;
  readonly version: 4 | 6;
}

/** Reads an address in text form; `::ffff:a.b.c.d` is taken for IPv4. Undefined when it is none. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.includes(':')) return parseIpv6(text);
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let bits = 0n;
  for (let i = 1; i <= 4; i++) {
    if (Number(match[i]) > 255) return undefined;
    bits = (bits << 8n) | BigInt(match[i]);
  }
  return { bits, version: 4 };
}

function parseIpv6(text: string): IpAddress | undefined {
  let groups = text;
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded) {
    const ipv4 = parseIp(embedded[2]);
    if (ipv4 === undefined) return undefined;
    groups = `${embedded[1]}${(ipv4.bits >> 16n).toString(16)}:${(ipv4.bits & 0xffffn).toString(16)}`;
  }
  const halves = groups.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - left.length - (right?.length ?? 0);
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  let bits = 0n;
  for (const group of [...left, ...new Array(right === undefined ? 0 : missing).fill('0'), ...(right ?? [])]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    bits = (bits << 16n) | BigInt(`0x${group}`);
  }
  return bits >> 32n === 0xffffn ? { bits: bits & 0xffffffffn, version: 4 } : { bits, version: 6 };
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
    const [host, length] = text.split('/');
    const address = parseIp(host);
    if (address === undefined) return undefined;
    const bits = address.version === 4 ? 32 : 128;
    if (length === undefined) return new IpNetwork(address, bits);
    if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
    return new IpNetwork(address, Number(length));
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
