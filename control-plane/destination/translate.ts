import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type WeightedAddr, WeightedAddrSchema } from '../../api/gen/destination_pb.js';
import { addressToApi } from './addresses.ts';
import type { EndpointRecord } from './endpoints.ts';

/** A sidecar that is gone without a word is noticed by its clients; it answers pings, which an application may not. */
const meshedHttp2 = {
  keepAlive: { interval: durationFromMs(10_000), timeout: durationFromMs(3000), whileIdle: true },
};

/** An endpoint as the API writes it; undefined for one whose address is none. */
export function weightedAddress(record: EndpointRecord): WeightedAddr | undefined {
  const addr = addressToApi(record.ip, record.port);
  if (addr === undefined) return undefined;
  const { identity, hint, transportPort } = record;
  const meshed = identity !== undefined;
  return create(WeightedAddrSchema, {
    addr,
    weight: record.weight,
    metricLabels: { ...record.labels },
    tlsIdentity: meshed
      ? { strategy: { case: 'dnsLikeIdentity', value: { name: identity } }, serverName: { name: identity } }
      : undefined,
    protocolHint:
      hint === undefined
        ? undefined
        : {
            protocol: { case: hint, value: {} },
            opaqueTransport: transportPort === undefined ? undefined : { inboundPort: transportPort },
          },
    http2: meshed ? meshedHttp2 : undefined,
  });
}
