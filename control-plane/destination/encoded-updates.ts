import { create, toBinary } from '@bufbuild/protobuf';
import { UpdateSchema, WeightedAddrSchema, WeightedAddrSetSchema } from '../../api/gen/destination_pb.js';
import { addressToApi } from './addresses.ts';
import type { EndpointRecord, ServiceEndpoint } from './endpoints.ts';
import { type ZoneLocality, zoneLocality } from './topology.ts';
import { weightedAddress } from './translate.ts';

/**
 * Endpoints in one message: a client takes 4 MiB, an endpoint has some hundred bytes. A client that asks anew begins
 * with the first message, so that only services with more endpoints than this come to it bit by bit.
 */
const maxEndpointsPerUpdate = 1000;

/** Field 1, length-delimited: `add` of Update, and `addrs` of WeightedAddrSet. */
const field1 = 0x0a;

const encodedRecords = new WeakMap<EndpointRecord, Map<ZoneLocality, Uint8Array>>();

/** Updates that add endpoints, for clients of a zone. An endpoint is encoded once, however often it is told. */
export function encodeAdds(
  endpoints: Iterable<ServiceEndpoint>,
  labels: Readonly<Record<string, string>>,
  zone: string | undefined,
): Buffer[] {
  const setLabels = toBinary(WeightedAddrSetSchema, create(WeightedAddrSetSchema, { metricLabels: { ...labels } }));
  return inParts(endpoints).map((part) => {
    const pieces: Uint8Array[] = [];
    for (const endpoint of part) {
      const bytes = encodeRecord(endpoint.record, zoneLocality(endpoint, zone));
      if (bytes !== undefined) pieces.push(lengthDelimited(bytes.length), bytes);
    }
    pieces.push(setLabels);
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return Buffer.concat([lengthDelimited(size), ...pieces]);
  });
}

export function encodeRemoves(endpoints: Iterable<ServiceEndpoint>): Buffer[] {
  return inParts(endpoints).map((part) => {
    const addrs = part.map(({ record }) => addressToApi(record.ip, record.port)).filter((addr) => addr !== undefined);
    return Buffer.from(toBinary(UpdateSchema, create(UpdateSchema, { update: { case: 'remove', value: { addrs } } })));
  });
}

export function encodeNoEndpoints(exists: boolean): Buffer {
  const update = create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists } } });
  return Buffer.from(toBinary(UpdateSchema, update));
}

function encodeRecord(record: EndpointRecord, locality: ZoneLocality): Uint8Array | undefined {
  let encoded = encodedRecords.get(record);
  if (encoded === undefined) {
    encoded = new Map();
    encodedRecords.set(record, encoded);
  }
  let bytes = encoded.get(locality);
  if (bytes === undefined) {
    const address = weightedAddress({ ...record, labels: { ...record.labels, zone_locality: locality } });
    if (address === undefined) return undefined;
    bytes = toBinary(WeightedAddrSchema, address);
    encoded.set(locality, bytes);
  }
  return bytes;
}

/** The head of a message that stands in field 1 of another one. */
function lengthDelimited(length: number): Uint8Array {
  const head = [field1];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return Uint8Array.from(head);
}

function inParts(endpoints: Iterable<ServiceEndpoint>): ServiceEndpoint[][] {
  const all = [...endpoints];
  const parts: ServiceEndpoint[][] = [];
  for (let from = 0; from < all.length; from += maxEndpointsPerUpdate)
    parts.push(all.slice(from, from + maxEndpointsPerUpdate));
  return parts;
}
