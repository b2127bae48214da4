import { networkInterfaces } from 'node:os';
import type { SocketAddress } from '../wire/host-port.ts';
import { formatIp, isLoopback, parseIp } from '../wire/ip-network.ts';

/** Listening there is listening on every address of this host; connecting there leads to this host. */
const isUnspecified = (address: string): boolean => address === '0.0.0.0' || address === '::';

/**
 * The addresses that this proxy itself listens on. They are never where a request or connection of others may lead: who
 * is let into one of them by the proxy would come from its own host, with its own identity.
 *
 * Asked with what is dialled, not with what was written: a name leads where its resolver says, and one address has many
 * spellings.
 */
export class OwnListeners {
  private readonly hostsByPort = new Map<number, Set<string>>();
  private readonly addresses: () => readonly string[];

  /** `addresses` are those of this host's interfaces. */
  constructor(listeners: readonly SocketAddress[], addresses = addressesOfInterfaces) {
    this.addresses = addresses;
    for (const { host, port } of listeners) {
      const hosts = this.hostsByPort.get(port);
      if (hosts === undefined) this.hostsByPort.set(port, new Set([canonical(host) ?? host]));
      else hosts.add(canonical(host) ?? host);
    }
  }

  /** Whether a connection to `address` (an IP address in any spelling) and `port` would come to this proxy. */
  has(address: string, port: number): boolean {
    const hosts = this.hostsByPort.get(port);
    if (hosts === undefined) return false;
    const ip = canonical(address);
    // Who cannot tell where it leads does not let it be led there.
    if (ip === undefined || isUnspecified(ip) || hosts.has(ip)) return true;
    if (!hosts.has('0.0.0.0') && !hosts.has('::')) return false;
    return isLoopback(ip) || this.addresses().some((own) => canonical(own) === ip);
  }
}

/** Without the zone of a link-local address, and IPv4 within IPv6 as IPv4; undefined when it is no address. */
function canonical(address: string): string | undefined {
  const ip = parseIp(address.split('%', 1)[0]);
  return ip && formatIp(ip);
}

/** Read when they are asked for: a pod may get a further one while it runs. */
const addressesOfInterfaces = (): string[] =>
  Object.values(networkInterfaces()).flatMap((of) => (of ?? []).map(({ address }) => address));
