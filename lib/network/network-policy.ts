import { type LabelSelector, selects } from '../contract/labels.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';

/** Ports of one protocol that a rule allows: a number, a range, or the name of a container port; all when none stands here. */
export interface PolicyPort {
  /** Default TCP. */
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

/** Pods by their labels and those of their namespace, or addresses. */
export interface PolicyPeer {
  readonly podSelector?: LabelSelector;
  /** The namespace of the policy, when it is not there. */
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

/** Connections with some peers at some ports; undefined means all. */
export interface PolicyRule {
  readonly peers?: readonly PolicyPeer[];
  readonly ports?: readonly PolicyPort[];
}

/** What a NetworkPolicy says. A direction that is undefined it leaves as it is; an empty list refuses everything. */
export interface NetworkPolicy {
  readonly namespace: string;
  readonly podSelector: LabelSelector;
  readonly ingress?: readonly PolicyRule[];
  readonly egress?: readonly PolicyRule[];
}

/** Where a pod stands, as the peers of a rule see it. */
export interface PolicySubject {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Labels of namespaces by name, as far as they are known. */
export type NamespaceLabels = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** The label that the API server gives every namespace. */
export const namespaceNameLabel = 'kubernetes.io/metadata.name';

/** Reads a manifest; undefined for one that the API server would refuse. */
export function readNetworkPolicy({ metadata, spec }: Manifest): NetworkPolicy | undefined {
  if (!isRecord(spec) || !isSelector(spec.podSelector ?? {})) return undefined;
  const { policyTypes } = spec;
  // Without a word of its own it restricts what comes in, and what goes out where it has rules for that: `egress: []` has none.
  const types =
    Array.isArray(policyTypes) && policyTypes.length > 0
      ? policyTypes
      : ['Ingress', ...(Array.isArray(spec.egress) && spec.egress.length > 0 ? ['Egress'] : [])];
  return {
    namespace: metadata?.namespace ?? 'default',
    podSelector: (spec.podSelector ?? {}) as LabelSelector,
    ...(types.includes('Ingress') ? { ingress: rulesOf(spec.ingress, 'from') } : {}),
    ...(types.includes('Egress') ? { egress: rulesOf(spec.egress, 'to') } : {}),
  };
}

/** An empty list of peers or ports is none, and so means all; null is as if the field was not there. */
function rulesOf(given: unknown, peers: 'from' | 'to'): PolicyRule[] {
  const listOf = (value: unknown) =>
    Array.isArray(value) && value.length > 0 ? value.filter(isRecord).map(withoutNulls) : undefined;
  return (listOf(given) ?? []).map((rule) => ({
    ...(listOf(rule[peers]) ? { peers: listOf(rule[peers]) as PolicyPeer[] } : {}),
    ...(listOf(rule.ports) ? { ports: listOf(rule.ports) as PolicyPort[] } : {}),
  }));
}

const withoutNulls = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));

const isSelector = (value: unknown): boolean =>
  isRecord(value) && (value.matchExpressions == null || Array.isArray(value.matchExpressions));

/** A rule as it stands in a manifest. */
export const ruleManifest = ({ peers, ports }: PolicyRule, key: 'from' | 'to'): Record<string, unknown> => ({
  ...(peers ? { [key]: peers } : {}),
  ...(ports ? { ports } : {}),
});

/** Whether a policy restricts a pod. */
export const restricts = (policy: NetworkPolicy, { namespace, labels }: PolicySubject): boolean =>
  policy.namespace === namespace && selects(policy.podSelector, labels);

export const allowsAll = ({ peers, ports }: PolicyRule): boolean => peers === undefined && ports === undefined;

/** Whether a rule's port is, or spans, a number. A name may mean any number, and so spans none. */
export function spans({ protocol = 'TCP', port, endPort }: PolicyPort, number: number): boolean {
  if (protocol !== 'TCP') return false;
  if (port === undefined) return true;
  return typeof port === 'number' && port <= number && number <= (endPort ?? port);
}

/**
 * Whether a pod may be among the peers of a rule in a policy of `home`: what labels a namespace has that is not known is
 * not known either, and then it may be one that is asked for.
 */
export function mayBePeer(
  { peers }: PolicyRule,
  home: string,
  { namespace, labels }: PolicySubject,
  namespaces: NamespaceLabels,
): boolean {
  if (peers === undefined) return true;
  return peers.some(({ ipBlock, podSelector, namespaceSelector }) => {
    if (ipBlock !== undefined) return false;
    const near =
      namespaceSelector == null ? namespace === home : mayBeNamespace(namespaceSelector, namespace, namespaces);
    return near && selects(podSelector ?? {}, labels);
  });
}

function mayBeNamespace(selector: LabelSelector, name: string, namespaces: NamespaceLabels): boolean {
  const known = namespaces.get(name);
  if (known !== undefined) return selects(selector, { ...known, [namespaceNameLabel]: name });
  const { matchLabels, matchExpressions } = selector;
  const byName = {
    matchLabels: Object.fromEntries(Object.entries(matchLabels ?? {}).filter(([key]) => key === namespaceNameLabel)),
    matchExpressions: (matchExpressions ?? []).filter(({ key }) => key === namespaceNameLabel),
  };
  return selects(byName, { [namespaceNameLabel]: name });
}
