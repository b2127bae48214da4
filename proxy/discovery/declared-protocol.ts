import { create } from '@bufbuild/protobuf';
import { OutboundPolicies, type OutboundPolicy, TrafficSpecSchema } from '../../api/gen/outbound_pb.js';
import type { Clock } from '../clock.ts';
import { addressToApi } from '../control/addresses.ts';
import type { GrpcChannel } from '../control/grpc/grpc-channel.ts';
import { Watch } from '../control/watch.ts';
import { parseIp } from '../wire/ip-network.ts';

/** What a target is said to speak; `detect` when its first bytes are to tell. */
export type DeclaredProtocol = 'detect' | 'http1' | 'http2' | 'opaque';

export interface PolicySource {
  channel: () => GrpcChannel;
  /** Of this proxy, as the control plane names it: JSON `{"ns", "pod"}`. */
  workload: string;
}

/**
 * Watches what the policy of a target says it speaks (a Service port's appProtocol, say). `detect` where there is no
 * policy for it.
 */
export function watchDeclaredProtocol(
  target: { readonly host: string; readonly port: number },
  authority: string,
  { channel, workload }: PolicySource,
  clock: Clock,
  onProtocol: (protocol: DeclaredProtocol) => void,
): { close(): void } {
  const ip = parseIp(target.host);
  return new Watch({
    channel,
    timers: clock,
    random: clock.random,
    method: OutboundPolicies.method.watch,
    request: create(TrafficSpecSchema, {
      sourceWorkload: workload,
      target:
        ip === undefined
          ? { case: 'authority', value: authority }
          : { case: 'addr', value: addressToApi(ip, target.port) },
    }),
    onMessage: (policy) => onProtocol(declaredProtocol(policy)),
    onRefused: () => onProtocol('detect'),
  });
}

function declaredProtocol({ protocol }: OutboundPolicy): DeclaredProtocol {
  switch (protocol?.kind.case) {
    case 'grpc':
      return 'http2';
    case 'http1':
    case 'http2':
    case 'opaque':
      return protocol.kind.case;
    default:
      return 'detect';
  }
}
