import { type Cidr, cidrContains, parseCidr } from '../../../lib/contract/cidr.ts';
import { canonicalIp } from '../../cluster/canonical-ip.ts';

const networks = (...texts: string[]): Cidr[] => texts.map((text) => parseCidr(text)!);

/** Of IPv4, what is no address of the internet (IANA's registry of special-purpose addresses), and multicast. */
const notPublic = networks(
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Within what is given out of IPv6: Teredo and others of IETF protocols, documentation, and 6to4, which holds an IPv4 one.
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
);
/** All of IPv6 that was given out as addresses of the internet. */
const globalUnicast = parseCidr('2000::/3')!;
const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/;

/**
 * Whether an address is one of the internet: not of this host, its link (where clouds tell secrets), a private network or
 * a group. An IPv4 address that is written as one of IPv6 is what it is.
 */
export function isPublicAddress(address: string): boolean {
  const cidr = parseCidr(plainAddress(address));
  if (cidr === undefined || notPublic.some((network) => cidrContains(network, cidr))) return false;
  return cidr.version === 4 || cidrContains(globalUnicast, cidr);
}

/** `::ffff:127.0.0.1` as 127.0.0.1; the text itself otherwise. */
export function plainAddress(address: string): string {
  const text = canonicalIp(address);
  const found = mapped.exec(text);
  if (found === null) return text;
  const bits = Number.parseInt(found[1], 16) * 0x10000 + Number.parseInt(found[2], 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
