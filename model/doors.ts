import { serviceEndpoints } from '../control-plane/destination/endpoints.ts';
import type { PolicyContext } from '../control-plane/policy/context.ts';
import type { Service } from '../lib/kinds/service.ts';
import type { ClientInfo } from '../proxy/model/client-info.ts';
import { authorize } from '../proxy/policy/inbound/authorize.ts';
import type { Authorization, ServerPolicy } from '../proxy/policy/inbound/server-policy.ts';
import { addressesToldApart, type ClientAddresses, noAddresses } from './client-addresses.ts';
import { policyOf } from './inbound.ts';
import { routeNameOf } from './names.ts';
import type { Workload } from './workload.ts';

/** What lets calls in. */
export interface Door {
  readonly route: string | undefined;
  readonly lets: (client: ClientInfo) => boolean;
  readonly addresses: ClientAddresses;
  /** The same for doors that let in the same clients by the same words. */
  readonly key: string;
}

/** The ports of pods (`namespace/name`) that Services lead to. */
export function portsOfServices(
  services: readonly Service[],
  { cluster, config }: PolicyContext,
): ReadonlyMap<string, ReadonlySet<number>> {
  const found = new Map<string, Set<number>>();
  for (const service of services) {
    for (const { port } of service.spec?.ports ?? []) {
      for (const { podKey, record } of serviceEndpoints(service, port, undefined, cluster, config).values()) {
        if (podKey === undefined) continue;
        const ports = found.get(podKey) ?? new Set();
        found.set(podKey, ports.add(record.port));
      }
    }
  }
  return found;
}

/**
 * What lets calls in at a port: one for each route of policy, or one where its Server has none. Those of probes let in
 * the kubelet, and are left out.
 */
export function doorsOf(to: Workload, port: number, context: PolicyContext): readonly Door[] {
  const policy = policyOf(to.pod, port, context);
  if (policy === undefined) return [{ route: undefined, lets: () => true, addresses: noAddresses, key: 'no sidecar' }];
  const door = (route: string | undefined, authorizations: ServerPolicy['authorizations']): Door => ({
    route,
    lets: (client) => authorize(authorizations, client) !== undefined,
    addresses: addressesToldApart(authorizations, context.config.clusterNetworks),
    key: JSON.stringify(authorizations.map(wordsOf)),
  });
  if (policy.routes === undefined) return [door(undefined, policy.authorizations)];
  const plans = new Set([...policy.routes.entries()].map(({ plan }) => plan));
  return [...plans]
    .filter(({ labels }) => !(labels.kind === 'default' && labels.name === 'probe'))
    .map(({ labels, authorizations }) => door(routeNameOf(labels, to.namespace), authorizations));
}

/** Whom an authorization lets in, whatever it is called. */
const wordsOf = ({ networks, authentication }: Authorization): unknown => [
  networks.map(({ network, except }) => [network, ...except].map(String)),
  authentication.kind === 'identities' ? [[...authentication.names], authentication.suffixes] : authentication.kind,
];
