import type { InboundPolicyName } from '../../lib/contract/inbound-policies.ts';
import type { PortSet } from '../../lib/contract/port-list.ts';

/** What the control plane is told of the mesh that it serves. */
export interface ClusterConfig {
  readonly meshNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** The namespace whose EgressNetworks hold for clients whose own namespace has none. */
  readonly egressNamespace: string;
  /** Ports whose connections are opaque unless a Service, a namespace or a pod says otherwise. */
  readonly opaquePorts: PortSet;
  readonly inboundPolicy: InboundPolicyName;
  /** CIDRs of the cluster's pods, Services and nodes. */
  readonly clusterNetworks: readonly string[];
  /** Whether sidecars intercept IPv6: pods that have both kinds of address are then called over IPv6. */
  readonly ipv6: boolean;
}
