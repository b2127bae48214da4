import { type Form, longest } from './form.ts';

/** An IP address as a number. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly bits: bigint;
}

/** Addresses that share a prefix. */
export interface Cidr extends IpAddress {
  readonly text: string;
  readonly prefixLength: number;
}

const widths = { 4: 32, 6: 128 } as const;

/** Reads an address in text, without a zone; undefined when it is none. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length > longest.address) return undefined;
  if (!text.includes(':')) {
    const bits = ipv4Bits(text);
    return bits === undefined ? undefined : { version: 4, bits: BigInt(bits) };
  }
  const groups = ipv6Groups(text);
  return groups && { version: 6, bits: groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n) };
}

function ipv4Bits(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
  const octets = text.split('.').map(Number);
  return octets.some((octet) => octet > 255) ? undefined : octets.reduce((bits, octet) => bits * 256 + octet, 0);
}

function ipv6Groups(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half, index) => halfGroups(half, index === halves.length - 1));
  if (left === undefined || (halves.length === 2 && right === undefined)) return undefined;
  if (right === undefined) return left.length === 8 ? left : undefined;
  const zeros = 8 - left.length - right.length;
  return zeros < 1 ? undefined : [...left, ...new Array<number>(zeros).fill(0), ...right];
}

/** The groups of one side of `::`; only the last may be written as an IPv4 address. */
function halfGroups(half: string, isLast: boolean): number[] | undefined {
  if (half === '') return [];
  const groups: number[] = [];
  const parts = half.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else {
      const bits = isLast && index === parts.length - 1 ? ipv4Bits(part) : undefined;
      if (bits === undefined) return undefined;
      groups.push(bits >>> 16, bits & 0xffff);
    }
  }
  return groups;
}

/** Reads `10.0.0.0/8` or a single address; undefined when it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  if (text.length > longest.address) return undefined;
  const [host, length, ...rest] = text.split('/');
  const address = rest.length > 0 ? undefined : parseIp(host);
  if (address === undefined) return undefined;
  const width = widths[address.version];
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > width)) return undefined;
  return { ...address, text, prefixLength: length === undefined ? width : Number(length) };
}

/** True for a network with its length, which a single address is not. */
export const isCidr = (text: string): boolean => text.includes('/') && parseCidr(text) !== undefined;

/** True when every address of `inner` is one of `outer`. */
export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  if (outer.version !== inner.version || outer.prefixLength > inner.prefixLength) return false;
  const shift = BigInt(widths[outer.version] - outer.prefixLength);
  return outer.bits >> shift === inner.bits >> shift;
}

/** Whether an address, or a network, lies within one of `networks`; what cannot be read lies nowhere. */
export function isWithin(address: string, networks: readonly string[]): boolean {
  const inner = parseCidr(address);
  if (inner === undefined) return false;
  return networks.some((network) => {
    const outer = parseCidr(network);
    return outer !== undefined && cidrContains(outer, inner);
  });
}

export const subnetList: Form<string[]> = {
  read: (text) => {
    if (text.length > longest.list) return undefined;
    const subnets = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    return subnets.every(isCidr) ? subnets : undefined;
  },
  expected: 'networks such as 10.0.0.0/8,fd00::/8',
};
