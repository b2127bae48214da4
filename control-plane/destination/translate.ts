import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type DestinationProfile,
  DestinationProfileSchema,
  type Update,
  UpdateSchema,
  type WeightedAddr,
  WeightedAddrSchema,
} from '../../api/gen/destination_pb.js';
import { addressToApi } from './addresses.ts';
import type { EndpointRecord } from './endpoints.ts';

/** An endpoint as the API writes it; undefined for one whose address is none. */
export function weightedAddress(record: EndpointRecord): WeightedAddr | undefined {
  const addr = addressToApi(record.ip, record.port);
  if (addr === undefined) return undefined;
  const { identity, hint, transportPort } = record;
  return create(WeightedAddrSchema, {
    addr,
    weight: record.weight,
    metricLabels: { ...record.labels },
    tlsIdentity:
      identity === undefined
        ? undefined
        : { strategy: { case: 'dnsLikeIdentity', value: { name: identity } }, serverName: { name: identity } },
    protocolHint:
      hint === undefined
        ? undefined
        : {
            protocol: { case: hint, value: {} },
            opaqueTransport: transportPort === undefined ? undefined : { inboundPort: transportPort },
          },
  });
}

export function addUpdate(records: Iterable<EndpointRecord>, labels: Readonly<Record<string, string>>): Update {
  const addrs = [...records].map(weightedAddress).filter((address) => address !== undefined);
  return create(UpdateSchema, { update: { case: 'add', value: { addrs, metricLabels: { ...labels } } } });
}

export function removeUpdate(records: Iterable<EndpointRecord>): Update {
  const addrs = [...records].map(({ ip, port }) => addressToApi(ip, port)).filter((address) => address !== undefined);
  return create(UpdateSchema, { update: { case: 'remove', value: { addrs } } });
}

export function noEndpoints(exists: boolean): Update {
  return create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists } } });
}

/** The updates that lead from what a client knows to what is. */
export function difference(
  before: ReadonlyMap<string, EndpointRecord>,
  after: ReadonlyMap<string, EndpointRecord>,
  labels: Readonly<Record<string, string>>,
): Update[] {
  if (after.size === 0) return before.size === 0 ? [] : [noEndpoints(true)];
  const added = [...after].filter(([key, record]) => JSON.stringify(before.get(key)) !== JSON.stringify(record));
  const removed = [...before].filter(([key]) => !after.has(key));
  return [
    ...(added.length > 0
      ? [
          addUpdate(
            added.map(([, record]) => record),
            labels,
          ),
        ]
      : []),
    ...(removed.length > 0 ? [removeUpdate(removed.map(([, record]) => record))] : []),
  ];
}

/** The defaults of Linkerd's profile translator. */
const retryBudget = { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: durationFromMs(10_000) };

export function serviceProfile(
  name: { namespace: string; name: string; port: number; fullyQualified: string },
  opaque: boolean,
): DestinationProfile {
  return create(DestinationProfileSchema, {
    fullyQualifiedName: name.fullyQualified,
    opaqueProtocol: opaque,
    retryBudget,
    parentRef: {
      kind: {
        case: 'resource',
        value: { group: 'core', kind: 'Service', name: name.name, namespace: name.namespace, port: name.port },
      },
    },
  });
}

export function endpointProfile(record: EndpointRecord, namespace: string): DestinationProfile {
  return create(DestinationProfileSchema, {
    endpoint: weightedAddress({ ...record, labels: { ...record.labels, namespace } }),
    opaqueProtocol: record.hint === 'opaque',
    retryBudget,
  });
}

/** Of an address that nothing is known of. */
export function emptyProfile(): DestinationProfile {
  return create(DestinationProfileSchema, { retryBudget });
}
