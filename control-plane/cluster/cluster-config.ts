import type { DefaultInboundPolicy } from './inbound-policies.ts';

/** What the control plane is told of the mesh that it serves. */
export interface ClusterConfig {
  readonly meshNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** Ports whose connections are opaque unless a Service, a namespace or a pod says otherwise. */
  readonly opaquePorts: PortSet;
  readonly inboundPolicy: DefaultInboundPolicy;
  /** CIDRs of the cluster's pods, Services and nodes. */
  readonly clusterNetworks: readonly string[];
  /** Whether sidecars intercept IPv6: pods that have both kinds of address are then called over IPv6. */
  readonly ipv6: boolean;
}

/** Reads `25,587,4000-4100`; names (of ports) are kept. Undefined when an entry is none of these. */
export function parsePortSet(text: string): PortSet | undefined {
  const ranges: [number, number][] = [];
  const names = new Set<string>();
  for (const raw of text.split(',')) {
    const entry = raw.trim();
    if (entry === '') continue;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(entry);
    if (match) {
      const from = Number(match[1]);
      const to = Number(match[2] ?? match[1]);
      if (from < 1 || to > 65_535 || to < from) return undefined;
      ranges.push([from, to]);
    } else if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(entry)) names.add(entry);
    else return undefined;
  }
  return new PortSet(ranges, names);
}

/** Ports by number, range or name. */
export class PortSet {
  private readonly ranges: readonly (readonly [number, number])[];
  private readonly names: ReadonlySet<string>;

  constructor(ranges: readonly (readonly [number, number])[], names: ReadonlySet<string>) {
    this.ranges = ranges;
    this.names = names;
  }

  has(port: number, name?: string): boolean {
    return this.ranges.some(([from, to]) => from <= port && port <= to) || (name !== undefined && this.names.has(name));
  }
}
