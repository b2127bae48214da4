import { cidrContains, parseCidr } from '../contract/cidr.ts';
import { meshPorts } from '../contract/ports.ts';
import type { InjectConfig } from '../inject/config.ts';
import {
  allowsAll,
  mayBePeer,
  type NamespaceLabels,
  type NetworkPolicy,
  namespaceNameLabel,
  type PolicyPeer,
  type PolicyPort,
  type PolicyRule,
  restricts,
  ruleManifest,
  spans,
} from './network-policy.ts';
import { isOpaqueByDefault, type NetworkedPod, sidecarPortsFor } from './networked-pod.ts';

/** What is known of the app and its mesh. */
export interface Surroundings {
  readonly policies: readonly NetworkPolicy[];
  readonly pods: readonly NetworkedPod[];
  readonly namespaces: NamespaceLabels;
  readonly config: InjectConfig;
}

/**
 * The rules that let the sidecar of a pod work under the NetworkPolicies that select it; undefined when it works without.
 * Policies add up, so these stand in one of their own. Only a direction that is restricted has any:
 *
 * - out: the ports of the control plane, DNS, and for each rule whose peers are called at a port of their sidecars, that port
 *   of the same peers;
 * - in: for each rule that lets peers in at a port which they reach by a port of the sidecar, that port from the same peers.
 */
export function companionRules(pod: NetworkedPod, around: Surroundings): Record<string, unknown> | undefined {
  const selecting = around.policies.filter((policy) => restricts(policy, pod));
  const ingress = rulesOf(
    selecting,
    'ingress',
    (rule) => portsBehind(rule, [pod]),
    () => [],
  );
  const egress = rulesOf(
    selecting,
    'egress',
    (rule) => portsOfPeers(rule, pod, around),
    () => whatEverySidecarCalls(around),
  );
  const policyTypes = [...(ingress.length > 0 ? ['Ingress'] : []), ...(egress.length > 0 ? ['Egress'] : [])];
  if (policyTypes.length === 0) return undefined;
  return {
    policyTypes,
    ...(ingress.length > 0 ? { ingress: ingress.map((rule) => ruleManifest(rule, 'from')) } : {}),
    ...(egress.length > 0 ? { egress: egress.map((rule) => ruleManifest(rule, 'to')) } : {}),
  };
}

/** `portsFor` says which ports of sidecars belong to what a rule allows, `always` what is needed whatever the rules are. */
function rulesOf(
  policies: readonly NetworkPolicy[],
  direction: 'ingress' | 'egress',
  portsFor: (rule: PolicyRule) => readonly number[],
  always: () => readonly PolicyRule[],
): PolicyRule[] {
  const restricting = policies.flatMap((policy) => (policy[direction] ? [policy[direction]] : []));
  const rules = restricting.flat();
  if (restricting.length === 0 || rules.some(allowsAll)) return [];
  const added = new Map<string, { readonly peers?: readonly PolicyPeer[]; readonly ports: Set<number> }>();
  for (const rule of direction === 'egress' ? rules.flatMap(byPeer) : rules) {
    const ports = portsFor(rule).filter((port) => !rule.ports?.some((allowed) => spans(allowed, port)));
    if (ports.length === 0) continue;
    const key = JSON.stringify(rule.peers ?? null);
    const same = added.get(key) ?? { peers: rule.peers, ports: new Set() };
    for (const port of ports) same.ports.add(port);
    added.set(key, same);
  }
  return [
    ...always(),
    ...[...added.values()].map(({ peers, ports }) => ({ ...(peers && { peers }), ports: tcp(...ports) })),
  ];
}

/** Each peer by itself, for only some of a rule's may have sidecars. */
const byPeer = ({ peers, ports }: PolicyRule): PolicyRule[] =>
  peers?.map((peer) => ({ peers: [peer], ports })) ?? [{ ports }];

/** Ports of sidecars behind the ports that a rule allows; none when it allows all ports, for these are among them. */
const portsBehind = ({ ports }: PolicyRule, pods: readonly NetworkedPod[]): number[] =>
  (ports ?? []).flatMap((allowed) => pods.flatMap((pod) => sidecarPortsFor(pod, allowed)));

/**
 * As for pods of the app that may be the rule's peers. Where it names none of them its peers stand elsewhere, or anywhere:
 * what the mesh calls opaque by default is taken to be so there.
 */
function portsOfPeers(rule: PolicyRule, pod: NetworkedPod, { pods, namespaces, config }: Surroundings): number[] {
  if (rule.peers?.every((peer) => isOutside(peer, config))) return [];
  const peers = pods.filter((other) => mayBePeer(rule, pod.namespace, other, namespaces));
  const isKnown = rule.peers !== undefined && peers.length > 0;
  const unknown = !isKnown && rule.ports?.some((allowed) => isOpaqueByDefault(allowed, config));
  return [...portsBehind(rule, peers), ...(unknown ? [config.defaults.inboundPort] : [])];
}

/** Addresses that no destination is looked up for, so that nobody there is called as a member of the mesh. */
function isOutside({ ipBlock }: PolicyPeer, config: InjectConfig): boolean {
  const block = ipBlock && parseCidr(ipBlock.cidr);
  if (block === undefined) return false;
  return !config.clusterNetworks.some((text) => {
    const network = parseCidr(text);
    return network !== undefined && (cidrContains(network, block) || cidrContains(block, network));
  });
}

const inNamespace = (name: string): PolicyPeer => ({
  namespaceSelector: { matchLabels: { [namespaceNameLabel]: name } },
});

/** Where NodeLocal DNSCache listens on each node, unless it is told otherwise. */
const nodeLocalDns = '169.254.20.10/32';

function whatEverySidecarCalls({ config }: Surroundings): PolicyRule[] {
  const { identity, destination, policy } = meshPorts;
  return [
    { peers: [inNamespace(config.meshNamespace)], ports: tcp(identity, destination, policy) },
    { peers: [inNamespace('kube-system'), { ipBlock: { cidr: nodeLocalDns } }], ports: dns(53) },
    // Policies see the port of the pod: OpenShift's Service leads from 53 to another.
    { peers: [inNamespace('openshift-dns')], ports: dns(5353) },
  ];
}

const tcp = (...ports: readonly number[]): PolicyPort[] => ports.map((port) => ({ protocol: 'TCP', port }));
const dns = (port: number): PolicyPort[] => ['UDP', 'TCP'].map((protocol) => ({ protocol, port }));
