import { BlockList, isIP } from 'node:net';

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Whether an address, or a network in CIDR notation, lies within one of `networks` (CIDRs). */
export function isWithin(address: string, networks: readonly string[]): boolean {
  const [base, bits] = address.split('/');
  const isNetwork = bits !== undefined;
  return networks.some((network) => {
    const [networkBase, networkBits] = network.split('/');
    if (isIP(base) === 0 || isIP(base) !== isIP(networkBase)) return false;
    if (isNetwork && Number(bits) < Number(networkBits)) return false;
    const list = new BlockList();
    list.addSubnet(networkBase, Number(networkBits), family(networkBase));
    return list.check(base, family(base));
  });
}
