import type { IPAddress } from './gen/net_pb.js';

/** An address of the wire as text; IPv6 in its short form (RFC 5952). Empty when the message holds none. */
export function ipText({ ip }: IPAddress): string {
  if (ip.case === 'ipv4') return [24, 16, 8, 0].map((shift) => (ip.value >>> shift) & 0xff).join('.');
  if (ip.case !== 'ipv6') return '';
  const hex = ((ip.value.first << 64n) | ip.value.last).toString(16).padStart(32, '0');
  // The URL parser writes the short form.
  return new URL(`http://[${hex.replace(/(.{4})(?!$)/g, '$1:')}]`).hostname.slice(1, -1);
}
