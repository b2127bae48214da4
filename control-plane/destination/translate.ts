import { create } from '@bufbuild/protobuf';
import { type WeightedAddr, WeightedAddrSchema } from '../../api/gen/destination_pb.js';
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
