import { isWithin } from '../../contract/cidr.ts';
import { type LabelSelector, selects } from '../../contract/labels.ts';

/** A pod, or an address outside of the cluster: `labels` tell them apart. */
export interface End {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ip?: string;
  /** Container ports by name. */
  readonly named?: Readonly<Record<string, number>>;
}

/** As manifests say it; nothing here is shared with what is tested. */
interface Policy {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly spec: {
    readonly podSelector?: LabelSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly Peer[] | null; readonly ports?: readonly Port[] | null }[];
    readonly egress?: readonly { readonly to?: readonly Peer[] | null; readonly ports?: readonly Port[] | null }[];
  };
}

interface Peer {
  readonly podSelector?: LabelSelector | null;
  readonly namespaceSelector?: LabelSelector | null;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] } | null;
}

interface Port {
  readonly protocol?: string | null;
  readonly port?: number | string | null;
  readonly endPort?: number | null;
}

/**
 * Whether the NetworkPolicies of some manifests let one end open a connection to a port of another, as Kubernetes defines it:
 * a direction that no policy restricts is open, and of those that do one rule must allow it. With `directions` one end alone
 * is asked.
 */
export function mayConnect(
  manifests: readonly unknown[],
  from: End,
  to: End,
  port: number,
  protocol: 'TCP' | 'UDP' = 'TCP',
  directions: readonly ('Ingress' | 'Egress')[] = ['Ingress', 'Egress'],
): boolean {
  const policies = (manifests as Policy[]).filter(({ kind }) => kind === 'NetworkPolicy');
  const namespaces = (manifests as { kind: string; metadata: { name: string; labels?: Record<string, string> } }[])
    .filter(({ kind }) => kind === 'Namespace')
    .map(({ metadata }) => metadata);
  const labelsOf = (name: string) => ({
    ...namespaces.find((each) => each.name === name)?.labels,
    'kubernetes.io/metadata.name': name,
  });
  const isPeer = (peer: Peer, end: End, home: string): boolean => {
    if (peer.ipBlock) {
      const { cidr, except = [] } = peer.ipBlock;
      return end.ip !== undefined && isWithin(end.ip, [cidr]) && !isWithin(end.ip, except);
    }
    if (end.labels === undefined || end.namespace === undefined) return false;
    const inNamespace = peer.namespaceSelector
      ? selects(peer.namespaceSelector, labelsOf(end.namespace))
      : end.namespace === home;
    return inNamespace && selects(peer.podSelector ?? {}, end.labels);
  };
  const isPort = (allowed: Port): boolean => {
    if ((allowed.protocol ?? 'TCP') !== protocol) return false;
    if (allowed.port == null) return true;
    const first = typeof allowed.port === 'string' ? to.named?.[allowed.port] : allowed.port;
    return first !== undefined && first <= port && port <= (allowed.endPort ?? first);
  };
  const passes = (end: End, other: End, direction: 'Ingress' | 'Egress'): boolean => {
    if (end.labels === undefined) return true;
    const restricting = policies.filter(({ metadata, spec }) => {
      // pkg/apis/networking/v1/defaults.go: an empty list is as none, of types and of rules.
      const types = spec.policyTypes?.length
        ? spec.policyTypes
        : ['Ingress', ...(spec.egress?.length ? ['Egress'] : [])];
      const selected =
        (metadata.namespace ?? 'default') === end.namespace && selects(spec.podSelector ?? {}, end.labels);
      return selected && types.includes(direction);
    });
    if (restricting.length === 0) return true;
    return restricting.some(({ metadata: { namespace = 'default' }, spec }) => {
      const rules =
        direction === 'Ingress'
          ? (spec.ingress ?? []).map(({ from: peers, ports }) => ({ peers, ports }))
          : (spec.egress ?? []).map(({ to: peers, ports }) => ({ peers, ports }));
      return rules.some(
        ({ peers, ports }) =>
          (!peers?.length || peers.some((peer) => isPeer(peer, other, namespace))) &&
          (!ports?.length || ports.some(isPort)),
      );
    });
  };
  return directions.every((direction) =>
    direction === 'Egress' ? passes(from, to, direction) : passes(to, from, direction),
  );
}
