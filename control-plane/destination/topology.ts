import type { ServiceEndpoint } from './endpoints.ts';

/** Where a client is, as far as that decides which endpoints it is told. */
export interface Locality {
  readonly node: string | undefined;
  readonly zone: string | undefined;
  /** It prefers its zone by itself, and uses the others when that is not enough: hints do not keep it to its own. */
  readonly allZones: boolean;
}

export type ZoneLocality = 'local' | 'remote' | 'unknown';

type Endpoints = ReadonlyMap<string, ServiceEndpoint>;

/**
 * The endpoints that clients of a locality use (linkerd2 controller/api/destination/watcher/filtered_listener_group.go):
 * those of their node, where the Service says so; else those whose hints name their zone, unless an endpoint has no hint,
 * none is left, or they ask for all zones; of a pod's addresses the one of the family in use. The same map when that is all of them.
 */
export function reachable(endpoints: Endpoints, from: Locality, localOnly: boolean, ipv6: boolean): Endpoints {
  if (localOnly) {
    const { node } = from;
    return ofFamily(
      select(endpoints, (endpoint) => node !== undefined && endpoint.node === node),
      ipv6,
    );
  }
  return ofFamily(from.allZones ? endpoints : ofZone(endpoints, from.zone), ipv6);
}

export function zoneLocality(endpoint: ServiceEndpoint, zone: string | undefined): ZoneLocality {
  if (!zone || !endpoint.zone) return 'unknown';
  return endpoint.zone === zone ? 'local' : 'remote';
}

function ofZone(endpoints: Endpoints, zone: string | undefined): Endpoints {
  for (const { forZones } of endpoints.values()) if (forZones.length === 0) return endpoints;
  if (zone === undefined) return endpoints;
  const hinted = select(endpoints, ({ forZones }) => forZones.includes(zone));
  return hinted.size === 0 ? endpoints : hinted;
}

function ofFamily(endpoints: Endpoints, ipv6: boolean): Endpoints {
  const reachedByIpv6 = new Set<string>();
  let unwanted = false;
  for (const endpoint of endpoints.values()) {
    if (endpoint.podKey === undefined) continue;
    if (endpoint.ipv6) reachedByIpv6.add(endpoint.podKey);
    if (endpoint.ipv6 !== ipv6) unwanted = true;
  }
  if (!unwanted) return endpoints;
  return select(endpoints, (endpoint) => {
    if (endpoint.podKey === undefined) return true;
    return ipv6 ? endpoint.ipv6 || !reachedByIpv6.has(endpoint.podKey) : !endpoint.ipv6;
  });
}

/** The same map when the predicate holds for all. */
function select(endpoints: Endpoints, holds: (endpoint: ServiceEndpoint) => boolean): Endpoints {
  const selected = new Map<string, ServiceEndpoint>();
  for (const [key, endpoint] of endpoints) if (holds(endpoint)) selected.set(key, endpoint);
  return selected.size === endpoints.size ? endpoints : selected;
}
