import { isIPv6 } from 'node:net';

/** An IP address in the one text form that it has (RFC 5952 for IPv6), so that addresses can be compared as text. */
export function canonicalIp(address: string): string {
  // The URL parser writes IPv6 addresses that way; it knows no zones.
  return isIPv6(address) && !address.includes('%') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
