import { cidrContains, parseCidr } from '../../../lib/contract/cidr.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { NetworkMatch } from '../../../lib/kinds/schema.ts';

/** Each network must be one, and each exception must leave something of it. */
export function checkNetworks(networks: readonly NetworkMatch[], path: string, problems: Problems): void {
  for (const [index, { cidr, except }] of networks.entries()) {
    const at = `${path}[${index}]`;
    const network = parseCidr(cidr);
    if (network === undefined) problems.add(`${at}.cidr`, notCidr, cidr);
    for (const [hole, text] of (except ?? []).entries()) {
      const inner = parseCidr(text);
      if (inner === undefined) problems.add(`${at}.except[${hole}]`, notCidr, text);
      else if (network === undefined) continue;
      else if (cidrContains(inner, network)) problems.add(`${at}.except[${hole}]`, `leaves nothing of ${cidr}`, text);
      else if (!cidrContains(network, inner)) problems.add(`${at}.except[${hole}]`, `must lie inside ${cidr}`, text);
    }
  }
}

const notCidr = 'must be an address or a network such as 10.0.0.0/8';
