import { type Cidr, cidrContains, parseCidr } from '../../lib/contract/cidr.ts';
import type { NetworkMatch } from '../../lib/kinds/schema.ts';

/**
 * The first of the cluster's networks that a network of an EgressNetwork reaches into, as far as none of its exceptions
 * takes that out: what is sent there is no egress. Undefined where there is none, or the network cannot be read.
 */
export function clusterOverlap({ cidr, except }: NetworkMatch, clusterNetworks: readonly string[]): string | undefined {
  const network = parseCidr(cidr);
  if (network === undefined) return undefined;
  const holes = (except ?? []).flatMap((text) => parseCidr(text) ?? []);
  return clusterNetworks.find((text) => {
    const own = parseCidr(text);
    const shared = own === undefined ? undefined : common(own, network);
    return shared !== undefined && !isCovered(shared, holes);
  });
}

/** Of two networks the one that lies in the other. */
const common = (a: Cidr, b: Cidr): Cidr | undefined => (cidrContains(a, b) ? b : cidrContains(b, a) ? a : undefined);

/** Whether each address of a network lies in one of others, which may do so together. */
function isCovered(network: Cidr, by: readonly Cidr[]): boolean {
  if (by.some((outer) => cidrContains(outer, network))) return true;
  const inside = by.filter((inner) => cidrContains(network, inner));
  if (inside.length === 0) return false;
  const prefixLength = network.prefixLength + 1;
  const width = network.version === 4 ? 32 : 128;
  const upper = network.bits | (1n << BigInt(width - prefixLength));
  const lower = (network.bits >> BigInt(width - network.prefixLength)) << BigInt(width - network.prefixLength);
  return (
    isCovered({ ...network, bits: lower, prefixLength }, inside) &&
    isCovered({ ...network, bits: upper, prefixLength }, inside)
  );
}
