import type { PortEntry } from '../contract/port-list.ts';
import type { Container, PodSpec } from './kubernetes.ts';

/** Names become the numbers that the containers give them; names that no container has are returned apart. */
export function resolvePorts(
  entries: readonly PortEntry[],
  containers: readonly Container[],
): { readonly ports: PortEntry[]; readonly unknown: string[] } {
  const ports: PortEntry[] = [];
  const unknown: string[] = [];
  for (const entry of entries) {
    if (!('name' in entry)) {
      ports.push(entry);
      continue;
    }
    const named = containers
      .flatMap((container) => container.ports ?? [])
      .find(({ name, protocol = 'TCP' }) => name === entry.name && protocol === 'TCP');
    if (named) ports.push({ from: named.containerPort, to: named.containerPort });
    else unknown.push(entry.name);
  }
  return { ports, unknown };
}

/** Containers that run as long as the pod does: native sidecars, which start first, and then the others. */
export const runningContainers = ({ initContainers, containers }: PodSpec): Container[] => [
  ...(initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ...(containers ?? []),
];

/**
 * The TCP ports of the application: its container ports and the ports of its HTTP probes, each once, in the order in
 * which they are declared, for in explicit mode the first is where plain connections go.
 */
export function inboundPorts(containers: readonly Container[]): number[] {
  const ports = new Set<number>();
  for (const container of containers) {
    const named = new Map<string, number>();
    for (const { containerPort, protocol = 'TCP', name } of container.ports ?? []) {
      if (protocol !== 'TCP') continue;
      if (!Number.isInteger(containerPort)) continue;
      ports.add(containerPort);
      if (name !== undefined) named.set(name, containerPort);
    }
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      const port = probe?.httpGet?.port;
      const number = typeof port === 'string' ? (named.get(port) ?? Number(port)) : port;
      if (number !== undefined && Number.isInteger(number) && number > 0) ports.add(number);
    }
  }
  return [...ports];
}
