import { isWithin, parseCidr } from '../lib/contract/cidr.ts';
import type { ClientInfo } from '../proxy/model/client-info.ts';
import type { Authorization } from '../proxy/policy/inbound/server-policy.ts';
import { formatIp, type IpAddress } from '../proxy/wire/ip-network.ts';
import { everyAddress } from './authorizations.ts';
import { clientOf } from './inbound.ts';
import type { Workload } from './workload.ts';

/** Addresses of which each stands for all those that some authorizations do not tell from it. */
export interface ClientAddresses {
  readonly all: readonly IpAddress[];
  /** Those that pods may have. */
  readonly ofPods: readonly IpAddress[];
}

export const noAddresses: ClientAddresses = { all: [], ofPods: [] };

/** Where the networks of authorizations, and the holes in these, begin, and where what is behind them does. */
export function addressesToldApart(
  authorizations: readonly Authorization[],
  clusterNetworks: readonly string[],
): ClientAddresses {
  const found = new Map<string, IpAddress>();
  for (const each of new Set(authorizations.flatMap(networksOf))) {
    const network = parseCidr(each);
    if (network === undefined) continue;
    const { version, bits, prefixLength } = network;
    const size = version === 4 ? 32 : 128;
    const behind = bits + (1n << BigInt(size - prefixLength));
    for (const at of behind >> BigInt(size) === 0n ? [bits, behind] : [bits]) {
      found.set(`${version} ${at}`, { version, bits: at });
    }
  }
  const all = [...found.values()];
  return { all, ofPods: all.filter((address) => isWithin(formatIp(address), clusterNetworks)) };
}

/** Those within which somebody is told from somebody else, who may be of the other family of addresses. */
function networksOf({ networks }: Authorization): string[] {
  const all = networks.flatMap(({ network, except }) => [network, ...except].map(String));
  const isEverywhere = everyAddress.every((network) => all.includes(network));
  return isEverywhere ? all.filter((network) => !everyAddress.includes(network)) : [...all, ...everyAddress];
}

/** Whether something holds of a caller as the called sidecar may know it, by one of the addresses that it may come from. */
export function fromSomewhere(
  from: Workload | undefined,
  { all, ofPods }: ClientAddresses,
  holds: (client: ClientInfo) => boolean,
): boolean {
  const client = clientOf(from, true);
  return holds(client) || (from === undefined ? all : ofPods).some((address) => holds({ ...client, address }));
}
