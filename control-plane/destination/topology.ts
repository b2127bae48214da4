import { isIPv6 } from 'node:net';
import type { ServiceEndpoint } from './endpoints.ts';

/** Where a client is, as far as that decides which endpoints it is told. */
export interface Locality {
  readonly node: string | undefined;
  readonly zone: string | undefined;
}

export type ZoneLocality = 'local' | 'remote' | 'unknown';

type Endpoints = ReadonlyMap<string, ServiceEndpoint>;

/**
 * The endpoints that clients of a locality use (linkerd2 controller/api/destination/watcher/filtered_listener_group.go):
 * those of their node, where the Service says so; else those whose hints name their zone, unless an endpoint has no hint
 * or none is left; of a pod's addresses the one of the family in use. The same map when that is all of them.
 */
export function reachable(endpoints: Endpoints, from: Locality, localOnly: boolean, ipv6: boolean): Endpoints {
  if (localOnly) {
    const { node } = from;
    return ofFamily(
      select(endpoints, (endpoint) => node !== undefined && endpoint.node === node),
      ipv6,
    );
  }
  return ofFamily(ofZone(endpoints, from.zone), ipv6);
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
  const pods = new Set<string>();
  let unwanted = false;
  for (const { podKey, record } of endpoints.values()) {
    if (podKey === undefined) continue;
    const isV6 = isIPv6(record.ip);
    if (isV6) pods.add(podKey);
    if (isV6 !== ipv6) unwanted = true;
  }
  if (!unwanted) return endpoints;
  return select(endpoints, ({ podKey, record }) => {
    if (podKey === undefined) return true;
    return ipv6 ? isIPv6(record.ip) || !pods.has(podKey) : !isIPv6(record.ip);
  });
}

/** The same map when the predicate holds for all. */
function select(endpoints: Endpoints, holds: (endpoint: ServiceEndpoint) => boolean): Endpoints {
  const selected = new Map<string, ServiceEndpoint>();
  for (const [key, endpoint] of endpoints) if (holds(endpoint)) selected.set(key, endpoint);
  return selected.size === endpoints.size ? endpoints : selected;
}
