import { isIPv6 } from 'node:net';
import type { Node } from '../../lib/kinds/node.ts';

/** Networks of pods that are IPv6: without `--ipv6`, connections of such addresses go past the proxies. */
export const ipv6PodNetworks = (nodes: readonly Pick<Node, 'spec'>[]): string[] => [
  ...new Set(nodes.flatMap(({ spec }) => spec?.podCIDRs ?? []).filter((cidr) => isIPv6(cidr.split('/')[0]))),
];

/** What to do about it; undefined when there are none. */
export function dualStackProblem(nodes: readonly Pick<Node, 'spec'>[]): string | undefined {
  const [network] = ipv6PodNetworks(nodes);
  if (network === undefined) return undefined;
  return (
    `pods have IPv6 addresses too (${network}): install with --ipv6, or connections over IPv6 go past the proxies, ` +
    'neither encrypted nor authorized'
  );
}
