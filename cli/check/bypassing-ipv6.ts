import { isIPv6 } from 'node:net';
import { initContainerName } from '../../lib/contract/names.ts';
import type { Pod } from '../../lib/kinds/pod.ts';

/**
 * Pods that have an IPv6 address while only their IPv4 connections are led to their proxy. `ipv6` is whether the mesh
 * leads both now. Pods without interception, such as those of explicit mode, are not meant.
 */
export function bypassingIpv6(pods: readonly Pod[], ipv6: boolean): string[] {
  const remedy = ipv6 ? 'restart it' : "apply 'tulle upgrade --ipv6', then restart it";
  return pods.flatMap((pod) => {
    const { namespace, name } = pod.metadata;
    const init = pod.spec?.initContainers?.find((container) => container.name === initContainerName);
    const addresses = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
    const { args = [] } = (init ?? {}) as { readonly args?: readonly string[] };
    if (!args.includes('--ipv6=false') || !addresses.some(isIPv6)) return [];
    return [`${namespace}/${name} has an IPv6 address, whose connections go past its proxy: ${remedy}`];
  });
}
