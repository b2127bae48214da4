import { setting } from '../contract/annotations.ts';
import { selects } from '../contract/labels.ts';
import { proxyContainerName } from '../contract/names.ts';
import { containsPort, type PortEntry, parsePorts } from '../contract/port-list.ts';
import type { InjectConfig } from '../inject/config.ts';
import { explicitAppPort } from '../inject/explicit-ports.ts';
import { type Container, isRecord, type Manifest, type PodTemplate } from '../inject/kubernetes.ts';
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
  /** Ports that have nothing to do with the sidecar. */
  readonly skippedPorts: readonly PortEntry[];
}

/**
 * Reads what an object makes, with its pod as it will run. `servers` are the Servers of the app: one that calls a port
 * opaque changes how clients dial it.
 */
export function networkedPod(
  object: Manifest,
  pod: PodTemplate,
  config: InjectConfig,
  servers: readonly Manifest[],
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
  const listed = (name: string) => parsePorts(setting(pod.metadata, name) ?? '', 'names') ?? [];
  const isOpaqueTold = setting(pod.metadata, 'opaque-ports') !== undefined;
  return {
    ...subject,
    sidecar: {
      ...listening(sidecar, config),
      opaquePorts: [
        ...(isOpaqueTold ? listed('opaque-ports') : config.defaults.opaquePorts),
        ...servers.flatMap((server) => opaquePortOf(server, subject)),
      ],
      skippedPorts: listed('skip-inbound-ports'),
    },
  };
}

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
  return typeof port === 'number' ? [{ from: port, to: port }] : [{ name: String(port) }];
}

/**
 * The sidecar's ports at which connections arrive that are meant for an application's port: 4143 from meshed clients, where
 * the port is opaque or nothing is intercepted; in explicit mode the port's own listener from everybody. None when
 * connections come to the application's port itself.
 */
export function sidecarPortsFor({ sidecar, namedPorts }: NetworkedPod, allowed: PolicyPort): number[] {
  if (sidecar === undefined) return [];
  const { inboundPort, explicit, listeners, opaquePorts, skippedPorts } = sidecar;
  const nameOf = (port: number) => [...namedPorts].find(([, number]) => number === port)?.[0];
  const meant = numbersOf(allowed, namedPorts).filter(
    (port) => !containsPort(skippedPorts, port) && (explicit || containsPort(opaquePorts, port, nameOf(port))),
  );
  if (meant.length === 0) return [];
  return [inboundPort, ...meant.flatMap((port) => listeners.get(port) ?? [])];
}

/** Whether an allowed port is one that pods of which nothing is known call opaque. */
export const isOpaqueByDefault = (allowed: PolicyPort, config: InjectConfig): boolean =>
  numbersOf(allowed, new Map()).some((port) => containsPort(config.defaults.opaquePorts, port));

/** The TCP ports that a rule allows by number or by name; all of them are no ports by number. */
function numbersOf({ protocol = 'TCP', port, endPort }: PolicyPort, named: ReadonlyMap<string, number>): number[] {
  if (protocol !== 'TCP' || port === undefined) return [];
  if (typeof port === 'string') return [named.get(port) ?? []].flat();
  const last = Math.min(endPort ?? port, 65_535);
  return Array.from({ length: Math.max(last - port + 1, 0) }, (_, index) => port + index);
}
