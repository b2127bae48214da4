import { splitHostPort } from '../wire/host-port.ts';
import { parseIp } from '../wire/ip-network.ts';

/** Of one rule, while its policy does not change. */
export const maxHostnames = 100;

/** Labels of RFC 1123, with the underscore of service names. */
const dnsName = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/;

/** The DNS name that an authority has, in lower case; empty for an address, or for what is no name. */
export function hostnameOf(authority: string): string {
  const host = (splitHostPort(authority)?.host ?? authority).toLowerCase();
  if (host.length > 254 || !dnsName.test(host) || parseIp(host) !== undefined) return '';
  return host;
}
