import { kinds } from '../kinds/index.ts';
import type { NetworkMatch, ObjectRef } from '../kinds/schema.ts';
import { type MeshPeerIdentities, meshTlsSpec } from '../policy/mesh-peer.ts';
import type { GuardedPort, GuardedWorkload } from '../validation/guarded-workload.ts';

/** What has been said of a workload's callers, in the order in which it was. */
export interface PolicyWishes {
  /** Who may call at every port; nobody else may where there is one. */
  readonly callers: readonly MeshPeerIdentities[];
  /** Ports that are called without an identity too, and from which networks. */
  readonly unmeshed: ReadonlyMap<number, readonly NetworkMatch[]>;
  /** What is asked of requests besides, whoever makes them. */
  readonly demands: readonly RequestDemand[];
}

/** Something about requests, of which each port that it holds for gets an object. */
export interface RequestDemand {
  /** As the facet calls it, for messages: `rateLimit`. */
  readonly word: string;
  readonly kind: 'HTTPLocalRateLimitPolicy' | 'RequestAuthentication' | 'ExternalAuthorization';
  /** Undefined for every port that is not opaque. */
  readonly ports: readonly number[] | undefined;
  readonly spec: (target: ObjectRef, namespace: string) => Record<string, unknown>;
}

/** An object of policy, before it is one. */
export interface PlannedObject {
  readonly kind: keyof typeof kinds;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

const policyGroup = kinds.Server.group;

/**
 * The objects that hold callers of a workload to what has been said, and why they cannot. Each port gets a Server of its own,
 * `orders-8080`, and objects for it are named after that.
 */
export function planPolicy(
  wishes: PolicyWishes,
  workload: GuardedWorkload,
  mesh: { readonly meshNamespace: string; readonly trustDomain: string },
): { readonly objects: readonly PlannedObject[]; readonly problems: readonly string[] } {
  const { name, ports, selector } = workload;
  const problems = [...problemsOf(wishes, workload)];
  const shut = (port: GuardedPort) => wishes.callers.length > 0 || wishes.unmeshed.has(port.number);
  const isAsked = ({ ports: named }: RequestDemand, { number, opaque }: GuardedPort) =>
    named === undefined ? !opaque : named.includes(number);
  const guarded = ports.filter((port) => shut(port) || wishes.demands.some((demand) => isAsked(demand, port)));
  const callers = `${name}-callers`;
  const objects = guarded.flatMap((port): PlannedObject[] => {
    const server = `${name}-${port.number}`;
    const targetRef = { group: policyGroup, kind: 'Server', name: server };
    const networks = wishes.unmeshed.get(port.number);
    return [
      {
        kind: 'Server',
        name: server,
        spec: {
          podSelector: selector,
          port: port.number,
          proxyProtocol: port.opaque ? 'opaque' : 'unknown',
          accessPolicy: shut(port) ? 'deny' : port.policy,
        },
      },
      ...(wishes.callers.length === 0
        ? []
        : [authorization(server, targetRef, { group: policyGroup, kind: 'MeshTLSAuthentication', name: callers })]),
      ...(networks === undefined ? [] : openTo(server, targetRef, networks)),
      ...wishes.demands
        .filter((demand) => isAsked(demand, port))
        .map(({ kind, spec }) => ({ kind, name: server, spec: spec(targetRef, workload.namespace) })),
    ];
  });
  if (wishes.callers.length > 0 && guarded.length > 0) {
    objects.push({ kind: 'MeshTLSAuthentication', name: callers, spec: meshTlsSpec(wishes.callers, mesh) });
  }
  const tooLong = objects.reduce((most, object) => (object.name.length > most.length ? object.name : most), '');
  if (tooLong.length > longestName) {
    problems.push(
      `the name '${tooLong}', which is derived from that of the workload, has ${tooLong.length} characters: give the workload one that is shorter by ${tooLong.length - longestName}`,
    );
  }
  return { objects, problems };
}

/** Of an object, in characters. */
const longestName = 253;

const authorization = (name: string, targetRef: object, ...requiredAuthenticationRefs: object[]): PlannedObject => ({
  kind: 'AuthorizationPolicy',
  name,
  spec: { targetRef, requiredAuthenticationRefs },
});

function openTo(server: string, targetRef: object, networks: readonly NetworkMatch[]): PlannedObject[] {
  const name = `${server}-unmeshed`;
  return [
    authorization(name, targetRef, { group: policyGroup, kind: 'NetworkAuthentication', name }),
    { kind: 'NetworkAuthentication', name, spec: { networks } },
  ];
}

/** Why what has been said cannot hold, with what to do. */
function* problemsOf(
  { callers, unmeshed, demands }: PolicyWishes,
  { ports, selector }: GuardedWorkload,
): Iterable<string> {
  const numbers = ports.map(({ number }) => number).join(', ') || 'none';
  if (ports.length === 0) {
    yield 'has no port whose callers could be told apart: give its containers the ports that they listen on';
    return;
  }
  if (selector === undefined) yield 'has pods without labels, which no Server can select: give them one';
  for (const port of unmeshed.keys()) {
    if (!ports.some(({ number }) => number === port)) {
      yield `allowUnmeshed (${port}) must be a port of its containers (${numbers}): declare it there, or name one of these`;
    }
  }
  for (const { word, ports: named } of demands) {
    if (named === undefined && ports.every(({ opaque }) => opaque)) {
      yield `${word} is about requests, and all of its ports (${numbers}) are opaque: take one out of opaquePorts`;
    }
    for (const port of named ?? []) {
      const found = ports.find(({ number }) => number === port);
      if (found === undefined)
        yield `${word} (${port}) must be of ports of its containers (${numbers}): declare it there`;
      else if (found.opaque)
        yield `${word} (${port}) is about requests, and the port is opaque: take it out of opaquePorts`;
    }
  }
  for (const { number, opaque, skipped } of ports) {
    const isShut = callers.length > 0 || unmeshed.has(number);
    const isAsked = demands.some(({ ports: named }) => (named === undefined ? !opaque : named.includes(number)));
    if (skipped && (isShut || isAsked)) {
      yield `port ${number} is among skipInboundPorts, so that its calls never come to who would refuse them: take it out there`;
    }
  }
}
