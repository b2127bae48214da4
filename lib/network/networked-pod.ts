import { setting } from '../contract/annotations.ts';
import { selects } from '../contract/labels.ts';
import { proxyContainerName } from '../contract/names.ts';
import { containsPort, type PortEntry, parsePorts } from '../contract/port-list.ts';
import type { InjectConfig } from '../inject/config.ts';
import { explicitAppPort } from '../inject/explicit-ports.ts';
import { type Container, isRecord, type Manifest, type Metadata, type PodTemplate } from '../inject/kubernetes.ts';
import { runningContainers } from '../inject/ports.ts';
import type { PolicyPort, PolicySubject } from './network-policy.ts';

/** A pod as connections find it. */
export interface NetworkedPod extends PolicySubject {
  /** The application's named TCP ports. */
  readonly namedPorts: ReadonlyMap<string, number>;
  /** Undefined for a pod without a sidecar of the mesh. */
  readonly sidecar?: ListeningSidecar;
}

/** Where a sidecar takes what is meant for the application. */
export interface ListeningSidecar {
  /** For meshed clients that name the application's port in a transport header: 4143. */
  readonly inboundPort: number;
  /** Nothing is intercepted: the application's port itself leads past the sidecar. */
  readonly explicit: boolean;
  /** In explicit mode: the listener for each declared port of the application. */
  readonly listeners: ReadonlyMap<number, number>;
  /** Ports of the application that meshed clients call by a transport header. */
  readonly opaquePorts: readonly PortEntry[];
  /** Ports at which nothing of the application is reached by way of the sidecar: those that skip it, and its own. */
  readonly otherPorts: readonly PortEntry[];
}

/** What else says how a pod is dialled. */
export interface PodSurroundings {
  readonly config: InjectConfig;
  /** Metadata of namespaces by name, as far as they are known. */
  readonly namespaces: ReadonlyMap<string, Metadata>;
  /** The Servers of the app: one that calls a port opaque has clients dial the proxy. */
  readonly servers: readonly Manifest[];
}

/** Reads what an object makes, with its pod as it will run. */
export function networkedPod(
  object: Manifest,
  pod: PodTemplate,
  { config, namespaces, servers }: PodSurroundings,
): NetworkedPod {
  const namespace = object.metadata?.namespace ?? 'default';
  const labels = pod.metadata?.labels ?? {};
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const named = runningContainers(pod.spec ?? {})
    .filter(({ name }) => name !== proxyContainerName)
    .flatMap(({ ports = [] }) => ports)
    .filter(({ name, protocol = 'TCP' }) => name !== undefined && protocol === 'TCP');
  const subject = {
    namespace,
    labels,
    namedPorts: new Map(named.map(({ name, containerPort }) => [name!, containerPort])),
  };
  const sidecar = [...initContainers, ...containers].find(({ name }) => name === proxyContainerName);
  if (sidecar === undefined) return subject;
  // As the control plane looks it up.
  const opaque = setting(pod.metadata, 'opaque-ports') ?? setting(namespaces.get(namespace), 'opaque-ports');
  const read = (text: string) => parsePorts(text, 'names') ?? [];
  return {
    ...subject,
    sidecar: {
      ...listening(sidecar, config),
      opaquePorts: [
        ...(opaque === undefined ? config.defaults.opaquePorts : read(opaque)),
        ...servers.flatMap((server) => opaquePortOf(server, subject)),
      ],
      otherPorts: [
        ...read(setting(pod.metadata, 'skip-inbound-ports') ?? ''),
        ...[config.defaults.controlPort, ...(sidecar.ports ?? []).map(({ containerPort }) => containerPort)].map(only),
      ],
    },
  };
}

const only = (port: number): PortEntry => ({ from: port, to: port });

function listening(
  { env = [], ports = [] }: Container,
  config: InjectConfig,
): Pick<ListeningSidecar, 'inboundPort' | 'explicit' | 'listeners'> {
  const value = (name: string) => env.find((variable) => variable.name === name)?.value;
  const inbound = Number(value('LINKERD2_PROXY_INBOUND_LISTEN_ADDR')?.split(':').at(-1));
  const pairs = ports.flatMap(({ name, containerPort }): [number, number][] => {
    const app = explicitAppPort(name);
    return app === undefined ? [] : [[app, containerPort]];
  });
  return {
    inboundPort: inbound > 0 ? inbound : config.defaults.inboundPort,
    explicit: value('LINKERD2_PROXY_EXPLICIT_MODE') === 'true',
    listeners: new Map(pairs),
  };
}

function opaquePortOf({ metadata, spec }: Manifest, { namespace, labels }: PolicySubject): PortEntry[] {
  if (spec?.proxyProtocol !== 'opaque' || (metadata?.namespace ?? 'default') !== namespace) return [];
  if (!isRecord(spec.podSelector) || !selects(spec.podSelector, labels)) return [];
  const { port } = spec;
  return typeof port === 'number' ? [only(port)] : [{ name: String(port) }];
}

/**
 * The sidecar's ports at which connections arrive that are meant for an application's port: 4143 from meshed clients, where
 * the port is opaque or nothing is intercepted; in explicit mode the port's own listener from everybody. None when
 * connections come to the application's port itself.
 */
export function sidecarPortsFor({ sidecar, namedPorts }: NetworkedPod, allowed: PolicyPort): number[] {
  const range = rangeOf(allowed, namedPorts);
  if (sidecar === undefined || range === undefined) return [];
  const { inboundPort, explicit, listeners, opaquePorts, otherPorts } = sidecar;
  const nameOf = (port: number) => [...namedPorts].find(([, number]) => number === port)?.[0];
  const isOther = (port: number) => containsPort(otherPorts, port, nameOf(port));
  const isMeant = explicit
    ? someOf(range, (port) => !isOther(port))
    : [
        ...opaquePorts,
        ...[...namedPorts.values()].filter((port) => containsPort(opaquePorts, port, nameOf(port))).map(only),
      ]
        .flatMap((entry) => overlap(entry, range))
        .some((part) => someOf(part, (port) => !isOther(port)));
  if (!isMeant) return [];
  const own = [...listeners].filter(([app]) => range.from <= app && app <= range.to).map(([, listener]) => listener);
  return [inboundPort, ...own];
}

/** Whether an allowed port is one that pods of which nothing is known call opaque. */
export function isOpaqueByDefault(allowed: PolicyPort, config: InjectConfig): boolean {
  const range = rangeOf(allowed, new Map());
  return range !== undefined && config.defaults.opaquePorts.some((entry) => overlap(entry, range).length > 0);
}

type Range = { readonly from: number; readonly to: number };

/** The TCP ports that a rule allows by number or by name; undefined where it allows all of them, or none. */
function rangeOf(
  { protocol = 'TCP', port, endPort }: PolicyPort,
  named: ReadonlyMap<string, number>,
): Range | undefined {
  if (protocol !== 'TCP' || port === undefined) return undefined;
  const from = typeof port === 'string' ? named.get(port) : port;
  return from === undefined ? undefined : { from, to: typeof port === 'string' ? from : (endPort ?? from) };
}

function overlap(entry: PortEntry, { from, to }: Range): Range[] {
  if ('name' in entry || entry.from > to || entry.to < from) return [];
  return [{ from: Math.max(entry.from, from), to: Math.min(entry.to, to) }];
}

function someOf({ from, to }: Range, test: (port: number) => boolean): boolean {
  for (let port = from; port <= to; port++) if (test(port)) return true;
  return false;
}
