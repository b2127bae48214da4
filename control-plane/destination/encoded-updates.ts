import { create, toBinary } from '@bufbuild/protobuf';
import { UpdateSchema, WeightedAddrSchema, WeightedAddrSetSchema } from '../../api/gen/destination_pb.js';
import { addressToApi } from './addresses.ts';
import type { EndpointRecord, ServiceEndpoint } from './endpoints.ts';
import { type ZoneLocality, zoneLocality } from './topology.ts';
import { weightedAddress } from './translate.ts';

/**
 * Bytes of endpoints in one message: clients take 4 MiB. One that asks anew, as all do now and then, takes the first
 * message for all that there is, and would part from endpoints that only the next one names: so there is a next one for
 * services of some thousands of endpoints only.
 */
const maxBytesPerUpdate = 3.5 * 1024 * 1024;
/** Each has some 10 bytes. */
const maxRemovesPerUpdate = 10_000;

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
  const updates: Buffer[] = [];
  let pieces: Uint8Array[] = [];
  let size = 0;
  const finish = (): void => {
    updates.push(Buffer.concat([lengthDelimited(size + setLabels.length), ...pieces, setLabels]));
    pieces = [];
    size = 0;
  };
  for (const endpoint of endpoints) {
    const bytes = encodeRecord(endpoint.record, zoneLocality(endpoint, zone));
    if (bytes === undefined) continue;
    const head = lengthDelimited(bytes.length);
    const more = head.length + bytes.length;
    if (size > 0 && size + more > maxBytesPerUpdate) finish();
    pieces.push(head, bytes);
    size += more;
  }
  if (size > 0) finish();
  return updates;
}

export function encodeRemoves(endpoints: Iterable<ServiceEndpoint>): Buffer[] {
  const all = [...endpoints];
  const updates: Buffer[] = [];
  for (let from = 0; from < all.length; from += maxRemovesPerUpdate) {
    const addrs = all
      .slice(from, from + maxRemovesPerUpdate)
      .map(({ record }) => addressToApi(record.ip, record.port))
      .filter((addr) => addr !== undefined);
    const update = create(UpdateSchema, { update: { case: 'remove', value: { addrs } } });
    updates.push(Buffer.from(toBinary(UpdateSchema, update)));
  }
  return updates;
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
