import type { Container } from './kubernetes.ts';

/** One entry of a list of ports: a port, a range (both ends included) or the name of a container port. */
export type PortEntry = { readonly from: number; readonly to: number } | { readonly name: string };

const portName = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/;

/** Reads `25,4000-4100,mysql`. Undefined when an entry is neither a port, a rising range nor (if allowed) a name. */
export function parsePorts(text: string, names: 'names' | 'numbers'): PortEntry[] | undefined {
  const entries: PortEntry[] = [];
  for (const raw of text.split(',')) {
    const part = raw.trim();
    if (part === '') continue;
    const range = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(part);
    if (range) {
      const from = Number(range[1]);
      const to = Number(range[2] ?? range[1]);
      if (from < 1 || to > 65_535 || to < from) return undefined;
      entries.push({ from, to });
    } else if (names === 'names' && portName.test(part)) {
      entries.push({ name: part });
    } else {
      return undefined;
    }
  }
  return entries;
}

export function formatPorts(entries: readonly PortEntry[]): string {
  return entries
    .map((entry) =>
      'name' in entry ? entry.name : entry.from === entry.to ? `${entry.from}` : `${entry.from}-${entry.to}`,
    )
    .join(',');
}

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

export function containsPort(entries: readonly PortEntry[], port: number): boolean {
  return entries.some((entry) => !('name' in entry) && entry.from <= port && port <= entry.to);
}

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
